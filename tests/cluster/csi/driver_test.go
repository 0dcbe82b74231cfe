package csi_test

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/kubernetes-csi/csi-test/v5/pkg/sanity"

	"pvmigrate/tests/cluster/csi"
)

// The driver keeps to the CSI specification, as CSI's own tests see it.
func TestSanity(t *testing.T) {
	directory := t.TempDir()
	driver := csi.Driver{
		Name:               "a.csi.pvmigrate.test",
		Node:               "node1",
		Socket:             filepath.Join(directory, "csi.sock"),
		RegistrationSocket: filepath.Join(directory, "registration.sock"),
		Pools:              csi.Pools{Volumes: filepath.Join(directory, "volumes"), Records: filepath.Join(directory, "records")},
	}
	ctx, stop := context.WithTimeout(context.Background(), time.Minute)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- driver.Serve(ctx) }()

	config := sanity.NewTestConfig()
	config.Address = driver.Socket
	config.TargetPath = filepath.Join(directory, "target")
	config.StagingPath = filepath.Join(directory, "staging")
	config.TestVolumeParameters = map[string]string{"pool": "csi-a"}
	sanity.Test(t, config)

	stop()
	if err := <-ended; err != nil {
		t.Errorf("the driver ended with: %v", err)
	}
}
