//go:build !wasip1

package main

import (
	"fmt"
	"net"
)

func listen(port int) (net.Listener, error) {
	return net.Listen("tcp", fmt.Sprintf(":%d", port))
}
