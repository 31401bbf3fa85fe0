// Makes streams/console/static/vendor/ from npm's packages:  npm ci && npm run build
// What it writes is committed: nobody needs Node to run or to install the console. The versions are exact
// (package.json, package-lock.json), so whoever repeats it gets the same bytes.
import { build } from "esbuild";
import { copyFile, mkdir, readFile, writeFile } from "node:fs/promises";

const out = new URL("../../streams/console/static/vendor/", import.meta.url);
const packages = new URL("node_modules/", import.meta.url);
const version = async (name) => JSON.parse(await readFile(new URL(`${name}/package.json`, packages))).version;

await mkdir(out, { recursive: true });
await build({
  entryPoints: ["charts.mjs"],
  outfile: new URL("echarts.min.js", out).pathname,
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2020",
  legalComments: "none", // they are in the files beside it
  define: { "process.env.NODE_ENV": '"production"' },
  banner: { js: `/*! Apache ECharts ${await version("echarts")}, Apache-2.0; zrender ${await version("zrender")}, BSD-3-Clause; tslib, 0BSD: see LICENSE-echarts, NOTICE-echarts, LICENSE-d3, LICENSE-zrender, LICENSE-tslib */` },
});
for (const [from, to] of [
  ["echarts/LICENSE", "LICENSE-echarts"],
  ["echarts/NOTICE", "NOTICE-echarts"],
  ["echarts/licenses/LICENSE-d3", "LICENSE-d3"],
  ["zrender/LICENSE", "LICENSE-zrender"],
  ["tslib/LICENSE.txt", "LICENSE-tslib"],
]) await copyFile(new URL(from, packages), new URL(to, out));
await writeFile(new URL("VERSIONS", out), `echarts ${await version("echarts")}\nzrender ${await version("zrender")}\n`);
