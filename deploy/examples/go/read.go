// Command read reads one profile, as deploy/schema/READING.md says. Standard library only: the Redis protocol
// takes forty lines here; a real service uses its Redis client for that part and keeps the rest.
//
//	go run . 127.0.0.1:6379 CUSTOMER [MAX_AGE_S]
//	go run . bucket CUSTOMER [BUCKETS]
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"time"
)

const (
	timeout = time.Second
	layout  = "1" // of the keys
	schema  = 1   // of the document
)

// Answer is a profile (Known true), that there is none (false), or why nothing is known (nil).
type Answer struct {
	Known   *bool           `json:"known"`
	Reason  string          `json:"reason,omitempty"`
	AgeS    float64         `json:"ageS"`
	Profile json.RawMessage `json:"profile,omitempty"`
}

func bucketOf(id string, buckets uint32) uint32 {
	return crc32.ChecksumIEEE([]byte(id)) % buckets
}

// read never takes a failure for an absence: whatever goes wrong on the way is unknown.
func read(address, id string, maxAge time.Duration) (answer Answer) {
	unknown := func(reason string) Answer { return Answer{Reason: reason} }
	defer func() {
		if recover() != nil { // a reply of another form than the contract's
			answer = unknown("damaged")
		}
	}()
	meta, err := ask(address, []string{"HMGET", "ps:meta", "buckets", "layout", "epoch"})
	if err != nil {
		return unknown(err.Error())
	}
	facts := meta[0].([]any)
	if facts[0] == nil {
		return unknown("no_deployment")
	}
	if facts[1] != layout {
		return unknown(fmt.Sprint("layout ", facts[1]))
	}
	buckets, err := strconv.ParseUint(facts[0].(string), 10, 32)
	if err != nil || buckets == 0 {
		return unknown("damaged")
	}
	b := bucketOf(id, uint32(buckets))
	replies, err := ask(address,
		[]string{"HGET", fmt.Sprintf("ps:profile:{%d}:%s", b, id), "doc"},
		[]string{"HGETALL", "ps:clock"},
		[]string{"ZRANGE", fmt.Sprintf("ps:due:{%d}", b), "0", "0", "WITHSCORES"},
		[]string{"HMGET", "ps:meta", "epoch"}) // after the profile: a store emptied in between has nobody at all
	if err != nil {
		return unknown(err.Error())
	}
	if replies[3].([]any)[0] != facts[2] {
		return unknown("changed")
	}
	age, ok := ageOf(replies[1].([]any), replies[2].([]any))
	if !ok {
		return unknown("no_clock")
	}
	if age > maxAge {
		return Answer{Reason: "stale", AgeS: age.Seconds()}
	}
	doc, ok := replies[0].(string)
	known := ok
	if !known {
		return Answer{Known: &known, AgeS: age.Seconds()}
	}
	var head struct {
		CustomerID string `json:"customer_id"`
		Schema     int    `json:"schema"`
	}
	if json.Unmarshal([]byte(doc), &head) != nil || (head.Schema <= schema && head.CustomerID != id) {
		return unknown("damaged")
	}
	if head.Schema > schema {
		return unknown("newer_schema")
	}
	return Answer{Known: &known, AgeS: age.Seconds(), Profile: json.RawMessage(doc)}
}

// ageOf is how long ago everything that happened and fell due was in the store.
func ageOf(clock, due []any) (time.Duration, bool) {
	if len(clock) == 0 {
		return 0, false
	}
	var marks []string
	for i := 1; i < len(clock); i += 2 { // of each partition: "caught-up flag:epoch ms"
		marks = append(marks, clock[i].(string)[2:])
	}
	if len(due) == 2 {
		marks = append(marks, due[1].(string))
	}
	oldest := float64(time.Now().UnixMilli())
	now := oldest
	for _, mark := range marks {
		ms, err := strconv.ParseFloat(mark, 64)
		if err != nil {
			return 0, false
		}
		if ms < oldest {
			oldest = ms
		}
	}
	return time.Duration(now-oldest) * time.Millisecond, true
}

// ask gives replies to commands, in one round trip.
func ask(address string, commands ...[]string) ([]any, error) {
	connection, err := net.DialTimeout("tcp", address, timeout)
	if err != nil {
		return nil, errors.New("unreachable")
	}
	defer connection.Close()
	connection.SetDeadline(time.Now().Add(timeout)) // for all of it
	var out strings.Builder
	for _, words := range commands {
		fmt.Fprintf(&out, "*%d\r\n", len(words))
		for _, word := range words {
			fmt.Fprintf(&out, "$%d\r\n%s\r\n", len(word), word)
		}
	}
	if _, err := io.WriteString(connection, out.String()); err != nil {
		return nil, errors.New("cut off")
	}
	replies, reader := make([]any, len(commands)), bufio.NewReader(connection)
	for i := range replies {
		if replies[i], err = parse(reader); err != nil {
			return nil, err
		}
	}
	return replies, nil
}

// parse reads one reply: string, nil or []any.
func parse(reader *bufio.Reader) (any, error) {
	line, err := reader.ReadString('\n')
	if err != nil || len(line) < 3 {
		return nil, errors.New("cut off")
	}
	kind, text := line[0], line[1:len(line)-2]
	if kind == '-' {
		return nil, errors.New(strings.Fields(text)[0])
	}
	if kind == '+' || kind == ':' {
		return text, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return nil, err
	}
	if kind == '$' {
		data := make([]byte, n+2)
		if _, err := io.ReadFull(reader, data); err != nil {
			return nil, errors.New("cut off")
		}
		return string(data[:n]), nil
	}
	list := make([]any, n)
	for i := range list {
		if list[i], err = parse(reader); err != nil {
			return nil, err
		}
	}
	return list, nil
}

func main() {
	args := append(os.Args[1:], "", "", "")
	number := func(text string, otherwise uint64) uint64 {
		if n, err := strconv.ParseUint(text, 10, 32); err == nil {
			return n
		}
		return otherwise
	}
	if args[0] == "bucket" {
		fmt.Println(bucketOf(args[1], uint32(number(args[2], 64))))
		return
	}
	answer := read(args[0], args[1], time.Duration(number(args[2], 60))*time.Second)
	json.NewEncoder(os.Stdout).Encode(answer)
}
