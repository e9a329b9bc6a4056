// The peer that the Kubernetes door is measured against, and the load for both.
//
//	peer proxy: Go's own httputil.ReverseProxy with the least that a door must do: check one bearer token, drop
//	            inbound identity headers, set the account's token and the same impersonation headers.
//	peer load:  GETs one URL over N connections for a while and prints throughput and latencies as JSON.
package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"sort"
	"strings"
	"sync"
	"time"
)

// One configuration for both; `identity` are the impersonation lines, which a direct call sets by itself.
type config struct {
	Listen      string            `json:"listen"`
	CertFile    string            `json:"certFile"`
	KeyFile     string            `json:"keyFile"`
	Upstream    string            `json:"upstream"`
	CAFile      string            `json:"caFile"`
	Accept      string            `json:"accept"`
	Token       string            `json:"token"`
	Identity    [][2]string       `json:"identity"`
	URL         string            `json:"url"`
	Headers     map[string]string `json:"headers"`
	Connections int               `json:"connections"`
	Seconds     float64           `json:"seconds"`
}

func main() {
	var c config
	if err := json.NewDecoder(os.Stdin).Decode(&c); err != nil {
		log.Fatal(err)
	}
	switch os.Args[1] {
	case "proxy":
		proxy(c)
	case "load":
		load(c)
	default:
		log.Fatal("peer proxy | peer load")
	}
}

func clientTLS(file string) *tls.Config {
	pem, err := os.ReadFile(file)
	if err != nil {
		log.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	return &tls.Config{RootCAs: pool}
}

func proxy(c config) {
	target, err := url.Parse(c.Upstream)
	if err != nil {
		log.Fatal(err)
	}
	reverse := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			for name := range r.Out.Header {
				if strings.HasPrefix(name, "Impersonate-") {
					r.Out.Header.Del(name)
				}
			}
			r.Out.Header.Set("Authorization", "Bearer "+c.Token)
			for _, line := range c.Identity {
				r.Out.Header.Add(line[0], line[1])
			}
		},
		Transport: &http.Transport{
			TLSClientConfig:     clientTLS(c.CAFile),
			MaxIdleConnsPerHost: 256,
			ForceAttemptHTTP2:   false,
			TLSNextProto:        map[string]func(string, *tls.Conn) http.RoundTripper{},
			DisableCompression:  true,
		},
		FlushInterval: -1,
	}
	server := &http.Server{
		Addr: c.Listen,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") != "Bearer "+c.Accept {
				http.Error(w, "who are you", http.StatusUnauthorized)
				return
			}
			reverse.ServeHTTP(w, r)
		}),
	}
	log.Fatal(server.ListenAndServeTLS(c.CertFile, c.KeyFile))
}

func load(c config) {
	transport := &http.Transport{
		TLSClientConfig:     clientTLS(c.CAFile),
		MaxIdleConnsPerHost: c.Connections,
		MaxConnsPerHost:     c.Connections,
		TLSNextProto:        map[string]func(string, *tls.Conn) http.RoundTripper{},
		DisableCompression:  true,
	}
	client := &http.Client{Transport: transport}
	one := func() (time.Duration, error) {
		request, _ := http.NewRequest("GET", c.URL, nil)
		for name, value := range c.Headers {
			request.Header.Set(name, value)
		}
		for _, line := range c.Identity {
			request.Header.Add(line[0], line[1])
		}
		start := time.Now()
		response, err := client.Do(request)
		if err != nil {
			return 0, err
		}
		_, err = io.Copy(io.Discard, response.Body)
		response.Body.Close()
		if err == nil && response.StatusCode != 200 {
			err = fmt.Errorf("status %d", response.StatusCode)
		}
		return time.Since(start), err
	}
	if _, err := one(); err != nil {
		log.Fatal(err)
	}
	var wait sync.WaitGroup
	times := make([][]float64, c.Connections)
	failures := make([]int, c.Connections)
	begin := time.Now()
	end := begin.Add(time.Duration(c.Seconds * float64(time.Second)))
	for i := range times {
		wait.Add(1)
		go func() {
			defer wait.Done()
			for time.Now().Before(end) {
				took, err := one()
				if err != nil {
					failures[i]++
					continue
				}
				times[i] = append(times[i], float64(took.Microseconds())/1000)
			}
		}()
	}
	wait.Wait()
	seconds := time.Since(begin).Seconds()
	var all []float64
	failed := 0
	for i := range times {
		all = append(all, times[i]...)
		failed += failures[i]
	}
	sort.Float64s(all)
	at := func(q float64) float64 {
		if len(all) == 0 {
			return 0
		}
		return all[int(q*float64(len(all)-1))]
	}
	json.NewEncoder(os.Stdout).Encode(map[string]any{
		"perSecond": float64(len(all)) / seconds, "p50": at(0.5), "p99": at(0.99), "failed": failed,
	})
}
