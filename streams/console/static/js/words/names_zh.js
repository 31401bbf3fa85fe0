// The same in Chinese.
import { facts } from "./facts_zh.js";

export const names = {
  topic: { orders: "订单", clicks: "点击", service: "服务", control: "控制" },
  role: { worker: "工作进程", trainer: "训练进程", console: "控制台", alerts: "预警", feedback: "反馈", lag: "延迟监控", export: "导出" },
  stage: {
    prospect: "潜在客户", new: "新客", active: "活跃", reactivated: "召回", at_risk: "有流失风险", dormant: "沉睡", lost: "流失", first_purchase: "首购", repeat: "复购",
    lapsed: "流失", acquisition: "获取", activation: "激活", growth: "成长", maturity: "成熟", decline: "衰退",
  },
  segment: {
    champions: "冠军客户", loyal_customers: "忠诚客户", potential_loyalists: "潜在忠诚客户", new_customers: "新客户", promising: "有潜力", need_attention: "需要关注",
    about_to_sleep: "即将沉睡", at_risk: "有流失风险", cannot_lose_them: "不能失去", hibernating: "休眠", lost: "流失",
  },
  risk: { low: "低", medium: "中", high: "高" },
  "risk-up": { medium: "风险中", high: "风险高", low: "风险低" },
  band: { healthy: "健康", sub_healthy: "亚健康", unhealthy: "不健康" },
  consent: { given: "已同意", withdrawn: "已撤回" },
  channel: { app: "应用", web: "网店", store: "门店" },
  cart: { open: "正在选购", abandoned: "已放弃", expired: "已过期" },
  cluster: {
    champions: "冠军客户", loyal: "忠诚", active: "活跃", newcomers: "新来者", fading: "渐弱", sleeping_regulars: "沉睡的常客", lapsed_big: "流失（大额）", lapsed: "流失", lapsed_small: "流失（小额）",
  },
  "cluster-word": { recent: "近期", silent: "久未购买", frequent: "高频", rare: "低频", big: "大额", small: "小额", average: "一般" },
  component: { recency: "最近购买", frequency: "频次", engagement: "访问", satisfaction: "满意度", service: "服务" },
  step: { reach: "已触达", browse: "浏览中", cart: "加购中", checkout: "结账中", order: "已下单", after_sale: "售后" },
  weekday: { mon: "一", tue: "二", wed: "三", thu: "四", fri: "五", sat: "六", sun: "日" },
  season: { spring: "春季", summer: "夏季", autumn: "秋季", winter: "冬季" },
  action: {
    add_to_cart: "加入购物车", campaign_click: "点击活动", campaign_received: "收到活动", checkout_start: "开始结账", coupon_redeemed: "使用优惠券", favourite: "收藏", list_view: "查看列表",
    login: "登录", page_view: "查看页面", product_view: "查看商品", remove_from_cart: "移出购物车", search: "搜索", signup: "注册", other: "其他点击",
  },
  "cluster-cause": { behaviour: "客户行为", model: "模型变化" },
  feature: { recency_days: "沉默天数", frequency: "订单数", monetary: "消费金额" },
  why: {
    store_down: "存储没有响应", no_deployment: "尚未运行过", no_worker: "没有工作进程在运行", stale: "事件等待超过上限", held_back: "消费被暂缓", lagging: "事件等待超过上限的一半",
    outbox_waits: "标签变化待发", timers_late: "定时器延迟", dead_letters: "有记录被拒绝", not_durable: "存储未写入磁盘", no_lag: "没有工作进程报告进度",
  },
  fact: facts,
  reason: {
    null_value: "没有值", too_large: "超过 256 KiB", not_json: "不是 UTF-8 JSON", too_deep: "嵌套过深", not_object: "不是对象", missing_field: "缺少必填字段", wrong_type: "JSON 类型错误", empty: "文本为空",
    too_long: "文本过长", bad_characters: "含不可打印字符", type_mismatch: "类型不属于该主题", bad_timestamp: "时间不是带时区的 ISO-8601", in_future: "时间过于超前", out_of_range: "值超出范围", too_many: "名称过多",
    bad_status: "订单状态未知", bad_consent: "同意状态未知", bad_score: "评分缺少数值或模型", bad_currency: "不是货币代码", bad_amount: "金额不是数字", negative_amount: "金额为负", amount_too_large: "金额过大", repeated_field: "字段重复", other: "其他原因",
  },
  "reason-help": {
    bad_timestamp: "请发送带时区的 ISO-8601，例如 2026-11-21T09:14:05+08:00，或毫秒时间戳。", in_future: "生产端时钟超前；允许的范围由设置 future_limit_s 决定。", negative_amount: "退款请作为带 refund_amount 的服务事件发送，而不是负数订单。",
    not_json: "值必须是一个 UTF-8 编码的 JSON 对象。", missing_field: "样例中的字段缺失或为 null。", type_mismatch: "每个主题只接收自己的类型：orders、clicks、service、control。", bad_currency: "ISO 4217 的三个大写字母，例如 USD。", bad_amount: "普通十进制数字，文本或 JSON 数字均可。",
  },
};
