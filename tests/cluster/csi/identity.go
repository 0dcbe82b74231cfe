package csi

import (
	"context"

	spec "github.com/container-storage-interface/spec/lib/go/csi"
	registration "k8s.io/kubelet/pkg/apis/pluginregistration/v1"
)

// identity says which driver this is and what it can do.
type identity struct {
	spec.UnimplementedIdentityServer
	driver *Driver
}

// GetPluginInfo answers with the driver's name.
func (i *identity) GetPluginInfo(context.Context, *spec.GetPluginInfoRequest) (*spec.GetPluginInfoResponse, error) {
	return &spec.GetPluginInfoResponse{Name: i.driver.Name, VendorVersion: "1"}, nil
}

// GetPluginCapabilities says that there is a controller, and that volumes are bound to nodes.
func (i *identity) GetPluginCapabilities(
	context.Context, *spec.GetPluginCapabilitiesRequest,
) (*spec.GetPluginCapabilitiesResponse, error) {
	service := func(kind spec.PluginCapability_Service_Type) *spec.PluginCapability {
		return &spec.PluginCapability{
			Type: &spec.PluginCapability_Service_{Service: &spec.PluginCapability_Service{Type: kind}},
		}
	}
	return &spec.GetPluginCapabilitiesResponse{Capabilities: []*spec.PluginCapability{
		service(spec.PluginCapability_Service_CONTROLLER_SERVICE),
		service(spec.PluginCapability_Service_VOLUME_ACCESSIBILITY_CONSTRAINTS),
	}}, nil
}

// Probe says that the driver is ready: it is when it answers.
func (i *identity) Probe(context.Context, *spec.ProbeRequest) (*spec.ProbeResponse, error) {
	return &spec.ProbeResponse{}, nil
}

// registrationServer makes the driver known to a kubelet, which watches a directory for its socket.
type registrationServer struct {
	registration.UnimplementedRegistrationServer
	driver *Driver
}

// GetInfo tells the kubelet where the driver's node service is.
func (r *registrationServer) GetInfo(context.Context, *registration.InfoRequest) (*registration.PluginInfo, error) {
	return &registration.PluginInfo{
		Type:              registration.CSIPlugin,
		Name:              r.driver.Name,
		Endpoint:          r.driver.Socket,
		SupportedVersions: []string{"1.0.0"},
	}, nil
}

// NotifyRegistrationStatus hears how the registration went. The kubelet tries again by itself; the log has the reason.
func (r *registrationServer) NotifyRegistrationStatus(
	context.Context, *registration.RegistrationStatus,
) (*registration.RegistrationStatusResponse, error) {
	return &registration.RegistrationStatusResponse{}, nil
}
