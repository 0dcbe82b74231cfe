package csi

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	spec "github.com/container-storage-interface/spec/lib/go/csi"
	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// node puts volumes where the kubelet wants them for a pod.
type node struct {
	spec.UnimplementedNodeServer
	driver *Driver
}

// topologyKey is the label that says to which node a volume of this driver is bound.
func (d *Driver) topologyKey() string { return d.Name + "/node" }

// reach is the topology of a volume that is bound to this node; none where it is bound to no node.
func (d *Driver) reach(node string) []*spec.Topology {
	if node == "" {
		return nil
	}
	return []*spec.Topology{{Segments: map[string]string{d.topologyKey(): node}}}
}

// find finds a volume by its id, or says in CSI's words why not.
func (d *Driver) find(id string) (*volume, error) {
	found, err := d.Pools.identified(id)
	if errors.Is(err, errUnknown) {
		return nil, status.Errorf(codes.NotFound, "driver %s has no volume %q", d.Name, id)
	}
	if err != nil {
		return nil, status.Error(codes.Internal, err.Error())
	}
	return found, nil
}

// NodeGetInfo says which node this is, and how volumes name it.
func (n *node) NodeGetInfo(context.Context, *spec.NodeGetInfoRequest) (*spec.NodeGetInfoResponse, error) {
	return &spec.NodeGetInfoResponse{
		NodeId:             n.driver.Node,
		AccessibleTopology: n.driver.reach(n.driver.Node)[0],
	}, nil
}

// NodeGetCapabilities says that there are statistics beside publishing, and no staging.
func (n *node) NodeGetCapabilities(
	context.Context, *spec.NodeGetCapabilitiesRequest,
) (*spec.NodeGetCapabilitiesResponse, error) {
	statistics := &spec.NodeServiceCapability{Type: &spec.NodeServiceCapability_Rpc{
		Rpc: &spec.NodeServiceCapability_RPC{Type: spec.NodeServiceCapability_RPC_GET_VOLUME_STATS},
	}}
	return &spec.NodeGetCapabilitiesResponse{Capabilities: []*spec.NodeServiceCapability{statistics}}, nil
}

// NodeGetVolumeStats says how much of a volume its files take.
func (n *node) NodeGetVolumeStats(
	_ context.Context, request *spec.NodeGetVolumeStatsRequest,
) (*spec.NodeGetVolumeStatsResponse, error) {
	if request.GetVolumeId() == "" || request.GetVolumePath() == "" {
		return nil, status.Error(codes.InvalidArgument, "a volume and a path must be named")
	}
	found, err := n.driver.find(request.GetVolumeId())
	if err != nil {
		return nil, err
	}
	if mounted, err := mountinfo.Mounted(request.GetVolumePath()); err != nil || !mounted {
		return nil, status.Errorf(codes.NotFound, "volume %s is not published at %s", found.id(), request.GetVolumePath())
	}
	var used int64
	err = filepath.WalkDir(n.driver.Pools.path(found), func(_ string, entry fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil // What goes away meanwhile counts for nothing.
		case err != nil:
			return err
		}
		if info, err := entry.Info(); err == nil && info.Mode().IsRegular() {
			used += info.Size()
		}
		return nil
	})
	if err != nil {
		return nil, status.Errorf(codes.Internal, "measure volume %s: %v", found.id(), err)
	}
	total := found.Capacity
	if found.Limit > 0 {
		total = found.Limit
	}
	return &spec.NodeGetVolumeStatsResponse{Usage: []*spec.VolumeUsage{{
		Unit: spec.VolumeUsage_BYTES, Total: total, Used: used, Available: max(total-used, 0),
	}}}, nil
}

// NodePublishVolume binds the volume's directory to the path that the kubelet gives to a pod.
func (n *node) NodePublishVolume(
	_ context.Context, request *spec.NodePublishVolumeRequest,
) (*spec.NodePublishVolumeResponse, error) {
	target := request.GetTargetPath()
	if request.GetVolumeId() == "" || target == "" || request.GetVolumeCapability() == nil {
		return nil, status.Error(codes.InvalidArgument, "a volume, a path and a capability must be named")
	}
	if _, err := capable([]*spec.VolumeCapability{request.GetVolumeCapability()}); err != nil {
		return nil, err
	}
	found, err := n.driver.find(request.GetVolumeId())
	if err != nil {
		return nil, err
	}
	if found.Node != "" && found.Node != n.driver.Node {
		return nil, status.Errorf(codes.FailedPrecondition,
			"volume %s is bound to %s and cannot be used on %s", found.id(), found.Node, n.driver.Node)
	}
	if err := bind(n.driver.Pools.path(found), target, request.GetReadonly()); err != nil {
		return nil, status.Errorf(codes.Internal, "publish volume %s at %s: %v", found.id(), target, err)
	}
	return &spec.NodePublishVolumeResponse{}, nil
}

// bind mounts the source at the target, which it makes. A target that is mounted already is left as it is.
func bind(source, target string, readonly bool) error {
	if err := os.MkdirAll(target, 0o750); err != nil {
		return err
	}
	if mounted, err := mountinfo.Mounted(target); err != nil || mounted {
		return err
	}
	if err := unix.Mount(source, target, "", unix.MS_BIND, ""); err != nil {
		return err
	}
	if !readonly {
		return nil
	}
	// A bind mount takes no other flags at first; what was mounted by halves is taken back.
	if err := unix.Mount("", target, "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY, ""); err != nil {
		return errors.Join(err, unix.Unmount(target, 0))
	}
	return nil
}

// NodeUnpublishVolume takes the volume away from a path; where it is not, that is as good.
func (n *node) NodeUnpublishVolume(
	_ context.Context, request *spec.NodeUnpublishVolumeRequest,
) (*spec.NodeUnpublishVolumeResponse, error) {
	target := request.GetTargetPath()
	if request.GetVolumeId() == "" || target == "" {
		return nil, status.Error(codes.InvalidArgument, "a volume and a path must be named")
	}
	err := unmount(target)
	if err == nil {
		// Never os.RemoveAll: should the unmount not have worked, the pod's files would go.
		err = os.Remove(target)
	}
	if err != nil && !os.IsNotExist(err) {
		return nil, status.Errorf(codes.Internal, "unpublish volume %s at %s: %v", request.GetVolumeId(), target, err)
	}
	return &spec.NodeUnpublishVolumeResponse{}, nil
}
