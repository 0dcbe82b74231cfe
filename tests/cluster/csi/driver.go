// Package csi is a CSI driver whose volumes are directories of this machine, for a cluster whose nodes share it.
//
// It is real in what Kubernetes sees: external-provisioner talks to its controller, kubelets talk to its node service,
// and volumes are bound to nodes by topology. It copies nothing, snapshots nothing and knows no block devices.
package csi

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log"
	"net"
	"os"
	"path/filepath"

	spec "github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc"
	registration "k8s.io/kubelet/pkg/apis/pluginregistration/v1"
)

// Driver is one instance of a driver: its identity, controller and node services for one node.
type Driver struct {
	Name               string // as StorageClasses and CSINodes say it
	Node               string // the node whose kubelet this instance serves
	Socket             string // path of the CSI socket
	RegistrationSocket string // path of the socket in the kubelet's directory of plugin registrations
	Pools              Pools  // where volumes lie; shared by the driver's instances
}

// Serve answers CSI and registration calls until ctx is done.
func (d *Driver) Serve(ctx context.Context) error {
	if err := d.Pools.prepare(); err != nil {
		return err
	}
	services := grpc.NewServer(grpc.UnaryInterceptor(logged))
	spec.RegisterIdentityServer(services, &identity{driver: d})
	spec.RegisterControllerServer(services, &controller{driver: d})
	spec.RegisterNodeServer(services, &node{driver: d})
	registrar := grpc.NewServer(grpc.UnaryInterceptor(logged))
	registration.RegisterRegistrationServer(registrar, &registrationServer{driver: d})

	ended := make(chan error, 2)
	// The kubelet calls as soon as it sees the registration socket, so that one comes last.
	for _, each := range []struct {
		server *grpc.Server
		path   string
	}{{services, d.Socket}, {registrar, d.RegistrationSocket}} {
		listener, err := listen(each.path)
		if err != nil {
			return err
		}
		go func() { ended <- each.server.Serve(listener) }()
	}
	select {
	case err := <-ended:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
		services.GracefulStop()
		registrar.GracefulStop()
		return nil
	}
}

// listen listens on a Unix socket, in place of one that an earlier instance left.
func listen(path string) (net.Listener, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return nil, fmt.Errorf("make the directory of socket %s: %w", path, err)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("remove the old socket %s: %w", path, err)
	}
	listener, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", path, err)
	}
	return listener, nil
}

// logged writes every call that failed, and every call that changes something, to the log.
func logged(ctx context.Context, request any, call *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
	answer, err := handle(ctx, request)
	if err != nil {
		log.Printf("%s %v: %v", call.FullMethod, request, err)
	} else if changes[call.FullMethod] {
		log.Printf("%s %v", call.FullMethod, request)
	}
	return answer, err
}

// changes are the calls worth a line in the log even when they succeed.
var changes = map[string]bool{
	spec.Controller_CreateVolume_FullMethodName:                       true,
	spec.Controller_DeleteVolume_FullMethodName:                       true,
	spec.Node_NodePublishVolume_FullMethodName:                        true,
	spec.Node_NodeUnpublishVolume_FullMethodName:                      true,
	registration.Registration_NotifyRegistrationStatus_FullMethodName: true,
}
