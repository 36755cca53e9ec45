// Package drive is what the three Go examples share: the modes that the tests ask
// for.
package drive

import (
	"context"
	"fmt"
	"os"
	"runtime/debug"
	"strings"
	"time"
)

// Cluster is what an application knows of it.
type Cluster struct {
	Sentinels []string // host:port
	Master    string   // Sentinel's name for the cluster
	Password  string
}

// Feature is something that the library can do.
type Feature struct {
	Name string
	Test func(ctx context.Context) error
}

// Example is one library.
type Example struct {
	Module    string // whose version is printed
	Features  []Feature
	Increment func(ctx context.Context) (int64, error)
}

// Args reads the command line: mode sentinels master password key.
func Args() (mode string, c Cluster, key string) {
	if len(os.Args) != 6 {
		fmt.Fprintln(os.Stderr, "usage: features|count SENTINELS MASTER PASSWORD KEY")
		os.Exit(2)
	}
	return os.Args[1], Cluster{strings.Split(os.Args[2], ","), os.Args[3], os.Args[4]}, os.Args[5]
}

// Run does what mode says.
func Run(mode string, e Example) {
	if mode == "features" {
		for _, f := range e.Features {
			ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
			if err := f.Test(ctx); err != nil {
				fmt.Println("fail", f.Name, strings.ReplaceAll(err.Error(), "\n", " "))
			} else {
				fmt.Println("ok", f.Name)
			}
			cancel()
		}
		fmt.Println("library", version(e.Module))
		return
	}
	// Adds 1 every 20 ms until it is told to stop, and says what was acknowledged.
	fmt.Println("library", version(e.Module))
	for range time.Tick(20 * time.Millisecond) {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		n, err := e.Increment(ctx)
		cancel()
		if err != nil {
			fmt.Println("err", strings.SplitN(err.Error(), "\n", 2)[0])
			continue
		}
		fmt.Println("ack", n)
	}
}

// version is that of a module within this program.
func version(module string) string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, d := range info.Deps {
			if d.Path == module {
				return module + " " + d.Version
			}
		}
	}
	return module
}

// Want returns an error unless got is want.
func Want(what string, got, want any) error {
	if fmt.Sprint(got) != fmt.Sprint(want) {
		return fmt.Errorf("%s: %v, want %v", what, got, want)
	}
	return nil
}
