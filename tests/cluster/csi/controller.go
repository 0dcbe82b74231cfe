package csi

import (
	"context"
	"errors"
	"sync"

	spec "github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"k8s.io/apimachinery/pkg/api/resource"
)

// Parameters of a StorageClass.
const (
	// poolParameter names the pool in which the volumes lie.
	poolParameter = "pool"
	// limitParameter is how much really fits into a volume, however much was asked for. None: all there is. 0: the pool
	// is full, and no volume is made.
	limitParameter = "limit"
)

// controller makes and deletes volumes.
type controller struct {
	spec.UnimplementedControllerServer
	driver *Driver
	mutex  sync.Mutex // one change at a time: a repeated call may come while the first still works
}

// ControllerGetCapabilities says that volumes can be made and deleted here.
func (c *controller) ControllerGetCapabilities(
	context.Context, *spec.ControllerGetCapabilitiesRequest,
) (*spec.ControllerGetCapabilitiesResponse, error) {
	return &spec.ControllerGetCapabilitiesResponse{Capabilities: []*spec.ControllerServiceCapability{{
		Type: &spec.ControllerServiceCapability_Rpc{Rpc: &spec.ControllerServiceCapability_RPC{
			Type: spec.ControllerServiceCapability_RPC_CREATE_DELETE_VOLUME,
		}},
	}}}, nil
}

// CreateVolume makes a volume, or finds the one that an earlier call of the same name made.
func (c *controller) CreateVolume(
	_ context.Context, request *spec.CreateVolumeRequest,
) (*spec.CreateVolumeResponse, error) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	wanted, err := c.wanted(request)
	if err != nil {
		return nil, err
	}
	there, err := c.driver.Pools.named(wanted.Name)
	switch {
	case errors.Is(err, errUnknown):
		err = c.driver.Pools.create(wanted)
	case err == nil && !fits(there, wanted, request.GetCapacityRange()):
		return nil, status.Errorf(codes.AlreadyExists, "volume %s is there with other properties", there.id())
	case err == nil:
		wanted = there
		err = c.driver.Pools.realise(wanted)
	}
	if err != nil {
		return nil, status.Error(codes.Internal, err.Error())
	}
	return &spec.CreateVolumeResponse{Volume: &spec.Volume{
		VolumeId:           wanted.id(),
		CapacityBytes:      wanted.Capacity,
		AccessibleTopology: c.driver.reach(wanted.Node),
	}}, nil
}

// wanted is the volume that a request asks for.
func (c *controller) wanted(request *spec.CreateVolumeRequest) (*volume, error) {
	pool, name := request.GetParameters()[poolParameter], request.GetName()
	if !simple.MatchString(name) {
		return nil, status.Errorf(codes.InvalidArgument, "%q is no name for a volume", name)
	}
	if !simple.MatchString(pool) {
		return nil, status.Errorf(codes.InvalidArgument, "%q, of the StorageClass, is no name for a pool", pool)
	}
	if request.GetVolumeContentSource() != nil {
		return nil, status.Errorf(codes.InvalidArgument, "volume %s: content from elsewhere is not supported", name)
	}
	many, err := capable(request.GetVolumeCapabilities())
	if err != nil {
		return nil, err
	}
	made := &volume{Pool: pool, Name: name, Capacity: request.GetCapacityRange().GetRequiredBytes()}
	if text, limited := request.GetParameters()[limitParameter]; limited {
		limit, err := resource.ParseQuantity(text)
		if err != nil || limit.Sign() < 0 {
			return nil, status.Errorf(codes.InvalidArgument, "limit %q, of the StorageClass, is no size", text)
		}
		if limit.IsZero() {
			return nil, status.Errorf(codes.ResourceExhausted, "no space left in pool %s", pool)
		}
		made.Limit = limit.Value()
	}
	if many {
		return made, nil
	}
	made.Node, err = c.chosen(request.GetAccessibilityRequirements())
	return made, err
}

// chosen is the node to which a volume is bound: the first preferred one, which is the scheduler's when a pod waits.
func (c *controller) chosen(asked *spec.TopologyRequirement) (string, error) {
	for _, topologies := range [][]*spec.Topology{asked.GetPreferred(), asked.GetRequisite()} {
		for _, topology := range topologies {
			if node := topology.GetSegments()[c.driver.topologyKey()]; node != "" {
				return node, nil
			}
		}
	}
	if asked != nil {
		return "", status.Errorf(codes.ResourceExhausted, "no node of driver %s is among those asked for", c.driver.Name)
	}
	return c.driver.Node, nil
}

// fits says whether the volume that is there serves a request for the wanted one.
func fits(there, wanted *volume, asked *spec.CapacityRange) bool {
	limit := asked.GetLimitBytes()
	return there.Pool == wanted.Pool && there.Limit == wanted.Limit &&
		there.Capacity >= wanted.Capacity && (limit == 0 || there.Capacity <= limit)
}

// capable checks that the driver can do what is asked of a volume, and says whether it is for many nodes at once.
func capable(capabilities []*spec.VolumeCapability) (many bool, err error) {
	if len(capabilities) == 0 {
		return false, status.Error(codes.InvalidArgument, "no capabilities were asked for")
	}
	for _, capability := range capabilities {
		if capability.GetMount() == nil {
			return false, status.Error(codes.InvalidArgument, "only volumes with a file system are supported")
		}
		switch capability.GetAccessMode().GetMode() {
		case spec.VolumeCapability_AccessMode_MULTI_NODE_MULTI_WRITER,
			spec.VolumeCapability_AccessMode_MULTI_NODE_SINGLE_WRITER,
			spec.VolumeCapability_AccessMode_MULTI_NODE_READER_ONLY:
			many = true
		}
	}
	return many, nil
}

// DeleteVolume removes a volume and what is in it; one that is not there is as good as removed.
func (c *controller) DeleteVolume(
	_ context.Context, request *spec.DeleteVolumeRequest,
) (*spec.DeleteVolumeResponse, error) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if request.GetVolumeId() == "" {
		return nil, status.Error(codes.InvalidArgument, "no volume was named")
	}
	found, err := c.driver.Pools.identified(request.GetVolumeId())
	if err == nil {
		err = c.driver.Pools.remove(found)
	}
	if err != nil && !errors.Is(err, errUnknown) {
		return nil, status.Error(codes.Internal, err.Error())
	}
	return &spec.DeleteVolumeResponse{}, nil
}

// ValidateVolumeCapabilities says whether a volume can be used in the ways asked about.
func (c *controller) ValidateVolumeCapabilities(
	_ context.Context, request *spec.ValidateVolumeCapabilitiesRequest,
) (*spec.ValidateVolumeCapabilitiesResponse, error) {
	if request.GetVolumeId() == "" || len(request.GetVolumeCapabilities()) == 0 {
		return nil, status.Error(codes.InvalidArgument, "a volume and capabilities must be named")
	}
	if _, err := c.driver.find(request.GetVolumeId()); err != nil {
		return nil, err
	}
	if _, err := capable(request.GetVolumeCapabilities()); err != nil {
		return &spec.ValidateVolumeCapabilitiesResponse{Message: err.Error()}, nil
	}
	return &spec.ValidateVolumeCapabilitiesResponse{Confirmed: &spec.ValidateVolumeCapabilitiesResponse_Confirmed{
		VolumeCapabilities: request.GetVolumeCapabilities(),
	}}, nil
}
