// Command pause holds a pod's namespaces open: it waits to be told to end, and reaps what the pod's containers leave.
package main

import (
	"os"
	"os/signal"
	"syscall"
)

func main() {
	told := make(chan os.Signal, 16)
	signal.Notify(told, syscall.SIGINT, syscall.SIGTERM, syscall.SIGCHLD)
	for got := range told {
		if got != syscall.SIGCHLD {
			return
		}
		reap()
	}
}

// reap takes the exit of every child that has ended; one SIGCHLD may stand for several of them.
func reap() {
	for {
		pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil)
		if pid <= 0 || err != nil {
			return
		}
	}
}
