// The official openai-go package with GOMAXPROCS=1, over net/http with its limit of idle connections raised.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
)

var (
	scenario    = flag.String("scenario", "", "throughput, fanout, reuse or stream")
	url         = flag.String("url", "", "")
	ca          = flag.String("ca", "", "")
	requests    = flag.Int("requests", 0, "")
	concurrency = flag.Int("concurrency", 64, "")
	waves       = flag.Int("waves", 1, "")
	chunks      = flag.Int("chunks", 200, "")
	http2       = flag.Bool("http2", false, "")

	authorities = x509.NewCertPool()
	ok, failed  atomic.Int64
	latencies   []float64 // milliseconds
	lock        sync.Mutex
)

// connect makes a client with connections of its own, and a way to close them.
func connect() (*openai.Client, func()) {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(!*http2)
	protocols.SetHTTP2(*http2)
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.Protocols = protocols
	transport.TLSClientConfig = &tls.Config{RootCAs: authorities}
	transport.TLSHandshakeTimeout = 10 * time.Minute
	if *http2 { // left to itself it dials once for every request that finds no connection yet
		inFlight := map[string]int{"throughput": *concurrency, "stream": *concurrency, "fanout": *requests,
			"reuse": 1}[*scenario]
		transport.MaxConnsPerHost = (inFlight + 99) / 100
	}
	transport.MaxIdleConns, transport.MaxIdleConnsPerHost = 0, 1_000_000
	client := openai.NewClient(option.WithBaseURL(*url), option.WithAPIKey("sk-mock"), option.WithMaxRetries(0),
		option.WithHTTPClient(&http.Client{Transport: transport}))
	return &client, transport.CloseIdleConnections
}

func question(prompt string) openai.ChatCompletionNewParams {
	return openai.ChatCompletionNewParams{
		Model:    "mock-model",
		Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage(prompt)},
	}
}

// ask fails unless the answer is right.
func ask(client *openai.Client, prompt string) error {
	reply, err := client.Chat.Completions.New(context.Background(), question(prompt))
	if err != nil {
		return err
	}
	if len(reply.Choices) == 0 || reply.Choices[0].Message.Content != "echo: "+prompt {
		return fmt.Errorf("the answer to %q is %v", prompt, reply.Choices)
	}
	return nil
}

// readStream fails unless the stream is whole: the mock server repeats its echo until it has sent all chunks.
func readStream(client *openai.Client, prompt string) error {
	stream := client.Chat.Completions.NewStreaming(context.Background(), question(prompt))
	defer stream.Close()
	var answer strings.Builder
	var pieces int
	var finishReason string
	for stream.Next() {
		choice := stream.Current().Choices[0]
		if choice.Delta.Content != "" {
			answer.WriteString(choice.Delta.Content)
			pieces++
		}
		if choice.FinishReason != "" {
			finishReason = choice.FinishReason
		}
	}
	if err := stream.Err(); err != nil {
		return err
	}
	if pieces != *chunks || finishReason != "stop" {
		return fmt.Errorf("a stream of %d chunks that ended with %q", pieces, finishReason)
	}
	echo := "echo: " + prompt + " "
	if text := answer.String(); !strings.HasPrefix(strings.Repeat(echo, len(text)/len(echo)+1), text) {
		return fmt.Errorf("the stream for %q brought %.100q", prompt, text)
	}
	return nil
}

type exchange func(client *openai.Client, prompt string) error

func send(client *openai.Client, index int, do exchange) {
	started := time.Now()
	if err := do(client, "Question number "+strconv.Itoa(index)); err != nil {
		if failed.Add(1) <= 5 {
			fmt.Fprintln(os.Stderr, "failed:", err)
		}
		return
	}
	ok.Add(1)
	lock.Lock()
	defer lock.Unlock()
	latencies = append(latencies, milliseconds(started))
}

func milliseconds(since time.Time) float64 { return time.Since(since).Seconds() * 1000 }

func cpuMicroseconds() float64 {
	var used syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &used)
	return float64(used.Utime.Nano()+used.Stime.Nano()) / 1000
}

func memoryKB(name string) float64 {
	status, _ := os.ReadFile("/proc/self/status")
	_, rest, _ := strings.Cut(string(status), name)
	kb, _ := strconv.ParseFloat(strings.Fields(rest)[0], 64)
	return kb
}

func rank(samples []float64, share float64) float64 {
	if len(samples) == 0 {
		return 0
	}
	slices.Sort(samples)
	return samples[int(float64(len(samples))*share)]
}

type figures map[string]any

// keepBusy makes all exchanges, as many at once as wanted, and gives the seconds and the CPU time that they took.
func keepBusy(do exchange) (seconds, microseconds float64) {
	client, _ := connect()
	var next atomic.Int64
	var workers sync.WaitGroup
	wall, cpu := time.Now(), cpuMicroseconds()
	for range *concurrency {
		workers.Go(func() {
			for index := int(next.Add(1)); index <= *requests; index = int(next.Add(1)) {
				send(client, index, do)
			}
		})
	}
	workers.Wait()
	return time.Since(wall).Seconds(), cpuMicroseconds() - cpu
}

func throughput() figures {
	seconds, cpu := keepBusy(ask)
	return figures{"concurrency": *concurrency, "wall_s": seconds, "requests_per_s": float64(ok.Load()) / seconds,
		"cpu_us_per_request": cpu / float64(*requests)}
}

func stream() figures {
	seconds, cpu := keepBusy(readStream)
	each := float64(*chunks)
	return figures{"concurrency": *concurrency, "wall_s": seconds, "chunks_per_s": float64(ok.Load()) * each / seconds,
		"cpu_us_per_chunk": cpu / float64(*requests) / each}
}

func fanout() figures {
	client, _ := connect()
	var walls []float64
	kbBefore, cpu := memoryKB("VmRSS:"), cpuMicroseconds()
	for wave := range *waves {
		var all sync.WaitGroup
		started := time.Now()
		for i := range *requests {
			all.Go(func() { send(client, wave**requests+i, ask) })
		}
		all.Wait()
		walls = append(walls, time.Since(started).Seconds())
	}
	sent := float64(*requests)
	return figures{"waves": *waves, "wall_s": walls[0], "wall_s_warm": walls[*waves-1],
		"cpu_us_per_request":   (cpuMicroseconds() - cpu) / sent / float64(*waves),
		"rss_kb_per_in_flight": (memoryKB("VmHWM:") - kbBefore) / sent}
}

func reuse() figures {
	client, _ := connect()
	inSequence := func(sendOne func(index int)) (latency, cpu float64) {
		var samples []float64
		cpu = cpuMicroseconds()
		for index := range *requests {
			started := time.Now()
			sendOne(index)
			samples = append(samples, milliseconds(started))
		}
		return rank(samples, 0.5), (cpuMicroseconds() - cpu) / float64(*requests)
	}
	keptMs, keptUs := inSequence(func(index int) { send(client, index, ask) })
	newMs, newUs := inSequence(func(index int) {
		once, closeAll := connect()
		send(once, index, ask)
		closeAll()
	})
	return figures{"latency_ms_kept": keptMs, "latency_ms_new": newMs, "cpu_us_kept": keptUs, "cpu_us_new": newUs}
}

func main() {
	flag.Parse()
	runtime.GOMAXPROCS(1)
	pem, err := os.ReadFile(*ca)
	if err != nil || !authorities.AppendCertsFromPEM(pem) {
		fmt.Fprintln(os.Stderr, "no authority in", *ca, err)
		os.Exit(2)
	}
	scenarios := map[string]func() figures{"throughput": throughput, "fanout": fanout, "reuse": reuse, "stream": stream}
	result := scenarios[*scenario]()
	result["requests"], result["ok"], result["failed"] = *requests, ok.Load(), failed.Load()
	result["p50_ms"], result["p99_ms"] = rank(latencies, 0.5), rank(latencies, 0.99)
	json.NewEncoder(os.Stdout).Encode(result)
}
