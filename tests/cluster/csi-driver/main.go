// Command csi-driver serves one CSI driver on one node: volumes that are directories of this machine.
//
// It is no part of the `kube` binary because it is small alone, and the cluster runs four of it.
package main

import (
	"context"
	"flag"
	"log"
	"os/signal"
	"syscall"

	"pvmigrate/tests/cluster/csi"
)

func main() {
	var driver csi.Driver
	flag.StringVar(&driver.Name, "name", "", "name of the driver, as StorageClasses say it")
	flag.StringVar(&driver.Node, "node", "", "name of the node this instance serves")
	flag.StringVar(&driver.Socket, "socket", "", "where to serve CSI")
	flag.StringVar(&driver.RegistrationSocket, "registration", "", "where to serve registration to the kubelet")
	flag.StringVar(&driver.Pools.Volumes, "volumes", "", "directory of the pools, which are directories of volumes")
	flag.StringVar(&driver.Pools.Records, "records", "", "directory of what the driver's instances know of its volumes")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := driver.Serve(ctx); err != nil {
		log.Fatalf("driver %s on %s: %v", driver.Name, driver.Node, err)
	}
}
