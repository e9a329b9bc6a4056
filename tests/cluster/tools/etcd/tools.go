//go:build tools

// Package tools pins etcd, for machines that have no etcd of their own.
package tools

import _ "go.etcd.io/etcd/server/v3"
