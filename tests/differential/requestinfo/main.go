// Command requestinfo asks kube-apiserver's own code what it takes a list of requests to be, one JSON array a line:
//
//	[method, target, error, isResource, verb, prefix, group, version, namespace, resource, subresource, name, parts,
//	 fieldSelector, labelSelector]
//
// Its output is core/kube/testdata/request-info.jsonl, against which core/kube/request-info.ts is tested. The list of
// requests is the same on every run. To renew it after raising the version in go.mod:
//
//	go run . > ../../../core/kube/testdata/request-info.jsonl
package main

import (
	"bufio"
	"encoding/json"
	"math/rand"
	"net/http"
	"net/url"
	"os"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/klog/v2"
)

func main() {
	klog.SetLogger(logr.Discard()) // upstream logs every query that it cannot decode, and many here are meant to be such
	factory := &request.RequestInfoFactory{
		APIPrefixes:          sets.NewString("api", "apis"),
		GrouplessAPIPrefixes: sets.NewString("api"),
	}
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	seen := map[[2]string]bool{}
	for _, r := range requests() {
		if seen[r] {
			continue
		}
		seen[r] = true
		parsed, err := url.ParseRequestURI(r[1]) // as net/http's server does
		if err != nil {
			panic(err)
		}
		info, err := factory.NewRequestInfo(&http.Request{Method: r[0], URL: parsed})
		parts := info.Parts
		if parts == nil {
			parts = []string{}
		}
		if err := encoder.Encode([]any{
			r[0], r[1], err != nil, info.IsResourceRequest, info.Verb, info.APIPrefix, info.APIGroup, info.APIVersion,
			info.Namespace, info.Resource, info.Subresource, info.Name, parts, info.FieldSelector, info.LabelSelector,
		}); err != nil {
			panic(err)
		}
	}
}

func requests() [][2]string {
	var all [][2]string
	add := func(method, target string) { all = append(all, [2]string{method, target}) }

	for _, path := range fixedPaths {
		for _, method := range methods {
			add(method, path)
		}
	}
	// A list takes name and verb from the query; the other methods must not.
	for _, query := range fixedQueries {
		add("GET", "/api/v1/namespaces/ns/pods?"+query)
		add("HEAD", "/apis/apps/v1/deployments?"+query)
		add("DELETE", "/api/v1/namespaces/ns/pods?"+query)
	}
	for _, query := range fixedQueries[:40] {
		add("GET", "/api/v1/watch/namespaces/ns/pods?"+query)
		add("GET", "/api/v1/namespaces/ns/pods/foo?"+query)
		add("GET", "/api/v1/namespaces?"+query)
	}

	random := rand.New(rand.NewSource(36))
	pick := func(from []string) string { return from[random.Intn(len(from))] }
	for range 900 {
		target := pick(prefixes) + pick(specials) + pick(namespaces)
		if random.Intn(10) > 0 {
			target += "/" + pick(resources)
			if random.Intn(3) > 0 {
				target += "/" + pick(names)
				if random.Intn(2) > 0 {
					target += "/" + pick(subresources)
				}
			}
		}
		if random.Intn(8) == 0 {
			target += "/"
		}
		for i := random.Intn(4); i > 0; i-- {
			if i == 3 {
				continue
			}
			target += separator(target) + pick(parameters)
		}
		add(pick(methods), target)
	}
	for range 500 {
		target := "/api/v1/namespaces/ns/configmaps"
		for i := 1 + random.Intn(4); i > 0; i-- {
			target += separator(target) + pick(parameters)
		}
		add("GET", target)
	}
	return all
}

func separator(target string) string {
	for _, c := range target {
		if c == '?' {
			return "&"
		}
	}
	return "?"
}

var methods = []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "get", "Delete", "PROPFIND"}

var fixedPaths = []string{
	"/", "/api", "/api/", "/apis", "/api/v1", "/api/v1/", "/apis/apps", "/apis/apps/v1", "/apis/apps/v1/",
	"/apis/version/resource", "/badprefix/version/resource", "/healthz", "/version", "/openapi/v3/apis/apps/v1",
	"/api/v1/pods", "/api/v1/pods/", "/api/v1/pods/foo/", "/API/v1/pods", "/Api/v1/pods", "/apiss/v1/pods/x/y",
	"/api/v1/watch", "/api/v1/watch/", "/api/v1/proxy", "/apis/apps/v1/watch", "/api/v1/watch/pods", "/api/v1/proxy/nodes/n",
	"/api/v1/watch/watch", "/api/v1/watch/proxy/pods/foo/bar", "/api/v1/proxy/watch/pods/foo/bar",
	"/api/v1/watch/namespaces", "/api/v1/watch/namespaces/ns", "/api/v1/watch/namespaces/ns/pods/foo",
	"/api/v1/proxy/namespaces/other/pods/foo/subpath/not/a/subresource", "/api/v1/proxy/namespaces/status/status",
	"/api/v1/namespaces", "/api/v1/namespaces/other", "/api/v1/namespaces/other/status",
	"/api/v1/namespaces/other/finalize", "/api/v1/namespaces/other/finalize/x", "/api/v1/namespaces/status",
	"/api/v1/namespaces/status/status", "/api/v1/namespaces/other/pods", "/api/v1/namespaces/other/pods/foo",
	"/api/v1/namespaces/other/namespaces/foo", "/api/v1/namespaces/other/statuses", "/api/v1/namespaces/other/log",
	"/api/v1/namespaces/other/pods/foo/exec", "/api/v1/namespaces/other/pods/foo/proxy/a/b",
	"/api/v1/namespaces/other/services/https:web:443/proxy/", "/api/v1/nodes/n/proxy/run/x",
	"/apis/rbac.authorization.k8s.io/v1/clusterroles/system:node", "/apis/namespaces/v1/namespaces/ns/pods",
	"/apis/watch/v1/pods", "/apis/api/v1/pods", "/api/apis/v1/pods/x", "/api/v1/namespaces/a%20b/pods/%C3%BC",
	"/api/v1/namespaces/ns/p%6Fds/foo", "/%61pi/v1/pods", "/api/v1/pods/100%25", "/apis/apps/v1/namespaces/other/scale",
	"/apis/group.example.com/v1/things/x/status/more",
}

var fixedQueries = []string{
	"watch", "watch=", "watch=true", "watch=True", "watch=1", "watch=0", "watch=false", "watch=FALSE", "watch=fAlSe",
	"watch=no", "watch=t", "watch=fal%C5%BFe", "watch=+0", "watch=00", "Watch=true", "watch=true&watch=false",
	"watch=false&watch=true", "watch=0&watch=1", "%77atch=1", "watch%3D1", "limit=x&watch=fal%C5%BFe",
	"limit=x&watch=FALSE", "limit=x&watch=", "limit=x&watch=0", "limit=x", "limit=", "limit=+5", "limit=-5", "limit=1_000",
	"limit=0x10", "limit=9223372036854775807", "limit=9223372036854775808", "limit=-9223372036854775808",
	"limit=500&limit=x&watch=1", "timeoutSeconds=x&watch=1", "timeoutSeconds=30&watch=1", "timeoutSeconds=",
	"allowWatchBookmarks=maybe&watch=1", "sendInitialEvents=x&watch=1", "resourceVersionMatch=bogus", "continue=%20",
	"fieldSelector=metadata.name=foo", "fieldSelector=metadata.name%3Dfoo", "fieldSelector=metadata.name==foo",
	"fieldSelector=metadata.name!=foo", "fieldSelector=metadata.name=", "fieldSelector=metadata.name",
	"fieldSelector==foo", "fieldSelector==", "fieldSelector=!=", "fieldSelector=,", "fieldSelector=,,metadata.name=a,",
	"fieldSelector=metadata.name=b,metadata.name=a", "fieldSelector=metadata.name=b,metadata.name==c",
	"fieldSelector=metadata.name!=b,metadata.name=c", "fieldSelector=metadata.namespace=x,metadata.name=y",
	"fieldSelector=metadata.name=a%2Fb", "fieldSelector=metadata.name=a%25b", "fieldSelector=metadata.name=.",
	"fieldSelector=metadata.name=..", "fieldSelector=metadata.name=...", "fieldSelector=metadata.name=a%5C,b",
	"fieldSelector=metadata.name=a%5C%5Cb", "fieldSelector=metadata.name=a%5C=b", "fieldSelector=metadata.name=a%5Cb",
	"fieldSelector=metadata.name=a%5C", "fieldSelector=metadata.name=a=b", "fieldSelector=a%5C,metadata.name=foo",
	"fieldSelector=+metadata.name=foo", "fieldSelector=metadata.name=+foo", "fieldSelector=metadata.name%20=foo",
	"fieldSelector=metadata.name=%C3%BC", "fieldSelector=metadata.name=%EF%BF%BD,metadata.name=%F0%9F%98%80",
	"fieldSelector=metadata.name=a&fieldSelector=metadata.name=b", "fieldSelector=metadata.name=a&labelSelector=a=b",
	"fieldSelector=metadata.name=a&fieldSelector=broken", "fieldSelector=broken&fieldSelector=metadata.name=a",
	"fieldSelector=metadata.name=name1,foo&watch=true", "fieldSelector=metadata.name=name1,foo&watch=false",
	"fieldSelector=metadata.name=a&labelSelector=", "fieldSelector=metadata.name=a&labelSelector=a",
	"fieldSelector=metadata.name=a&labelSelector=!a", "fieldSelector=metadata.name=a&labelSelector=!+a,b",
	"fieldSelector=metadata.name=a&labelSelector=a,", "fieldSelector=metadata.name=a&labelSelector=,a",
	"fieldSelector=metadata.name=a&labelSelector=a,,b", "fieldSelector=metadata.name=a&labelSelector=a+b",
	"fieldSelector=metadata.name=a&labelSelector=a=", "fieldSelector=metadata.name=a&labelSelector=a==b",
	"fieldSelector=metadata.name=a&labelSelector=a===b", "fieldSelector=metadata.name=a&labelSelector=a!=b",
	"fieldSelector=metadata.name=a&labelSelector=a=!b", "fieldSelector=metadata.name=a&labelSelector=a=b=c",
	"fieldSelector=metadata.name=a&labelSelector=a+in+(b,c)", "fieldSelector=metadata.name=a&labelSelector=a+in+()",
	"fieldSelector=metadata.name=a&labelSelector=a+in+(,)", "fieldSelector=metadata.name=a&labelSelector=a+in+(,,)",
	"fieldSelector=metadata.name=a&labelSelector=a+in+(b+c)", "fieldSelector=metadata.name=a&labelSelector=a+in+(b",
	"fieldSelector=metadata.name=a&labelSelector=a+in+b", "fieldSelector=metadata.name=a&labelSelector=a+in",
	"fieldSelector=metadata.name=a&labelSelector=a+in+(in,notin)", "fieldSelector=metadata.name=a&labelSelector=in+in+(in)",
	"fieldSelector=metadata.name=a&labelSelector=in", "fieldSelector=metadata.name=a&labelSelector=a+notin+(b),c",
	"fieldSelector=metadata.name=a&labelSelector=a+IN+(b)", "fieldSelector=metadata.name=a&labelSelector=a+in+(!b)",
	"fieldSelector=metadata.name=a&labelSelector=!a=b", "fieldSelector=metadata.name=a&labelSelector=!!a",
	"fieldSelector=metadata.name=a&labelSelector=!", "fieldSelector=metadata.name=a&labelSelector=()",
	"fieldSelector=metadata.name=a&labelSelector=a%3E5", "fieldSelector=metadata.name=a&labelSelector=a%3C5",
	"fieldSelector=metadata.name=a&labelSelector=a%3E", "fieldSelector=metadata.name=a&labelSelector=a%3Ex",
	"fieldSelector=metadata.name=a&labelSelector=a%3E%2B5", "fieldSelector=metadata.name=a&labelSelector=a%3E-5",
	"fieldSelector=metadata.name=a&labelSelector=a%3E=5", "fieldSelector=metadata.name=a&labelSelector=a%3E9223372036854775808",
	"fieldSelector=metadata.name=a&labelSelector=app.kubernetes.io/name=x", "fieldSelector=metadata.name=a&labelSelector=/x=y",
	"fieldSelector=metadata.name=a&labelSelector=a/b/c=y", "fieldSelector=metadata.name=a&labelSelector=A.b/c=y",
	"fieldSelector=metadata.name=a&labelSelector=-a=y", "fieldSelector=metadata.name=a&labelSelector=a-=y",
	"fieldSelector=metadata.name=a&labelSelector=a_.b=y", "fieldSelector=metadata.name=a&labelSelector=%C3%BC=y",
	"fieldSelector=metadata.name=a&labelSelector=a=%C3%BC", "fieldSelector=metadata.name=a&labelSelector=a=b%0A",
	"fieldSelector=metadata.name=a&labelSelector=%09a%0D%0A=b", "fieldSelector=metadata.name=a&labelSelector=a=%22b%22",
	"fieldSelector=metadata.name=a&labelSelector=a=" + sixtyThree, "fieldSelector=metadata.name=a&labelSelector=a=b" + sixtyThree,
	"fieldSelector=metadata.name=a&labelSelector=" + sixtyThree + "=b", "fieldSelector=metadata.name=a&labelSelector=b" + sixtyThree,
	"fieldSelector=metadata.name=a&labelSelector=a..b/c=d", "fieldSelector=metadata.name=a&labelSelector=a.b-/c=d",
	"&&watch=1&", "=x&watch=1", "dryRun=All&dryRun=x", "pretty=true",
}

const sixtyThree = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

var prefixes = []string{
	"/api/v1", "/api/v1", "/apis/apps/v1", "/apis/batch/v1", "/apis/example.com/v1alpha1", "/apis/apps", "/apis", "/api",
	"/healthz", "/apix/v1", "/%61pis/apps/v1",
}
var specials = []string{"", "", "", "", "", "/watch", "/proxy"}
var namespaces = []string{"", "", "/namespaces", "/namespaces/ns", "/namespaces/kube-system", "/namespaces/status", "/namespaces/n%C3%A4"}
var resources = []string{
	"pods", "pods", "secrets", "namespaces", "status", "finalize", "nodes", "watch", "proxy", "deployments", "Pods",
	"serviceaccounts", "p%6Fds",
}
var names = []string{"foo", "bar", "a%20b", "100%25", "https:web:8080", "system:node", "status", "...", "%E2%82%AC", "foo."}
var subresources = []string{
	"status", "scale", "exec", "log", "token", "proxy", "proxy/", "proxy/a/b", "finalize", "eviction", "status/extra", "unknown",
}
var parameters = []string{
	"watch=1", "watch=true", "watch=false", "watch=0", "watch", "watch=x", "limit=500", "limit=x", "timeoutSeconds=5",
	"timeoutSeconds=abc", "fieldSelector=metadata.name=foo", "fieldSelector=metadata.name%3Dbar,spec.nodeName%3Dn",
	"fieldSelector=metadata.name", "fieldSelector=status.phase!=Running", "labelSelector=a=b", "labelSelector=a+in+(b,c)",
	"labelSelector=a%20b", "labelSelector=%21a", "resourceVersion=0", "follow=true", "command=ls&command=-l", "dryRun=All",
}
