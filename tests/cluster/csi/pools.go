package csi

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"
)

// Pools is where a driver's volumes lie. Every instance of the driver sees the same.
type Pools struct {
	Volumes string // a volume is the directory Volumes/<pool>/<name>
	Records string // and the file Records/<name>.json
}

// volume is what is known of one volume.
type volume struct {
	Pool     string `json:"pool"`
	Name     string `json:"name"`
	Capacity int64  `json:"capacity"`        // bytes, as they were asked for
	Limit    int64  `json:"limit,omitempty"` // bytes that really fit, where they are limited
	Node     string `json:"node,omitempty"`  // the one node that may use it; empty: every node
}

// id is the volume's name in PersistentVolumes.
func (v *volume) id() string { return v.Pool + "/" + v.Name }

// simple are the names that may become parts of paths.
var simple = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$`)

// errUnknown says that there is no such volume.
var errUnknown = errors.New("no such volume")

// prepare makes the directories that instances share.
func (p *Pools) prepare() error {
	for _, directory := range []string{p.Volumes, p.Records} {
		if err := os.MkdirAll(directory, 0o755); err != nil {
			return fmt.Errorf("make %s: %w", directory, err)
		}
	}
	return nil
}

// path is the directory with the volume's content.
func (p *Pools) path(v *volume) string { return filepath.Join(p.Volumes, v.Pool, v.Name) }

// record is the file with what is known of the volume of that name.
func (p *Pools) record(name string) string { return filepath.Join(p.Records, name+".json") }

// named reads what is known of the volume of that name.
func (p *Pools) named(name string) (*volume, error) {
	bytes, err := os.ReadFile(p.record(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errUnknown
	}
	if err != nil {
		return nil, fmt.Errorf("read the record of volume %s: %w", name, err)
	}
	found := new(volume)
	if err := json.Unmarshal(bytes, found); err != nil {
		return nil, fmt.Errorf("read the record of volume %s: %w", name, err)
	}
	return found, nil
}

// identified reads what is known of the volume with that id.
func (p *Pools) identified(id string) (*volume, error) {
	pool, name, _ := strings.Cut(id, "/")
	if !simple.MatchString(pool) || !simple.MatchString(name) {
		return nil, errUnknown
	}
	found, err := p.named(name)
	if err == nil && found.Pool != pool {
		return nil, errUnknown
	}
	return found, err
}

// create makes the volume. The record comes first, so that a volume half made is found and finished, or deleted.
func (p *Pools) create(v *volume) error {
	bytes, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("write the record of volume %s: %w", v.id(), err)
	}
	temporary := p.record(v.Name) + ".new"
	if err := os.WriteFile(temporary, bytes, 0o644); err != nil {
		return fmt.Errorf("write the record of volume %s: %w", v.id(), err)
	}
	if err := os.Rename(temporary, p.record(v.Name)); err != nil {
		return fmt.Errorf("write the record of volume %s: %w", v.id(), err)
	}
	return p.realise(v)
}

// realise makes the volume's directory where it is not there yet.
func (p *Pools) realise(v *volume) error {
	path := p.path(v)
	if err := os.MkdirAll(path, 0o755); err != nil {
		return fmt.Errorf("make the directory of volume %s: %w", v.id(), err)
	}
	if v.Limit > 0 {
		mounted, err := mountinfo.Mounted(path)
		if err != nil {
			return fmt.Errorf("look for the limit of volume %s: %w", v.id(), err)
		}
		if !mounted {
			options := fmt.Sprintf("size=%d,mode=0777", v.Limit)
			if err := unix.Mount("pvmigrate", path, "tmpfs", 0, options); err != nil {
				return fmt.Errorf("limit volume %s to %d bytes: %w", v.id(), v.Limit, err)
			}
		}
	}
	// Whoever the pod runs as may write, whatever the umask of this process.
	if err := os.Chmod(path, 0o777); err != nil {
		return fmt.Errorf("open the directory of volume %s: %w", v.id(), err)
	}
	return nil
}

// remove removes the volume's content, and last of all its record, so that a removal cut short is done again.
func (p *Pools) remove(v *volume) error {
	path := p.path(v)
	if v.Limit > 0 {
		if err := unmount(path); err != nil {
			return fmt.Errorf("take down the limit of volume %s: %w", v.id(), err)
		}
	}
	if err := os.RemoveAll(path); err != nil {
		return fmt.Errorf("remove the directory of volume %s: %w", v.id(), err)
	}
	if err := os.Remove(p.record(v.Name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove the record of volume %s: %w", v.id(), err)
	}
	return nil
}

// unmount undoes a mount; where none is, that is as good.
func unmount(path string) error {
	mounted, err := mountinfo.Mounted(path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !mounted {
		return nil
	}
	if err != nil {
		return err
	}
	return unix.Unmount(path, 0)
}
