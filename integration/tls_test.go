package integration

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"pingd/integration/procs"
)

// certificates runs what docs/security.md says in a new directory, and returns it.
func certificates(t *testing.T) string {
	t.Helper()
	procs.Need(t, "openssl", "openssl")
	text, err := os.ReadFile("../docs/security.md")
	if err != nil {
		t.Fatal(err)
	}
	_, script, _ := strings.Cut(string(text), "```sh\nnew=")
	script, _, ok := strings.Cut(script, "```")
	if !ok {
		t.Fatal("the document has no commands that make certificates")
	}
	dir := t.TempDir()
	cmd := exec.CommandContext(within(t), "sh", "-e", "-c", "new="+script)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return dir
}

// clientOf is how an application with a certificate speaks TLS.
func clientOf(t *testing.T, dir string) *tls.Config {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, "shop.crt"), filepath.Join(dir, "shop.key"))
	if err != nil {
		t.Fatal(err)
	}
	ca, err := os.ReadFile(filepath.Join(dir, "ca.crt"))
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	return &tls.Config{Certificates: []tls.Certificate{pair}, RootCAs: roots, ServerName: "pingd", MinVersion: tls.VersionTLS12}
}

// TestClusterWithTLS runs the whole stack with TLS: visits go on through kill -9 of a
// leader and a renewal of certificates, a Sentinel client follows, strangers do not get in.
func TestClusterWithTLS(t *testing.T) {
	lab := procs.ForTest(t)
	dir := certificates(t)
	file := func(name string) string { return filepath.Join(dir, name) }
	args := []string{"--tls-cert=" + file("node.crt"), "--tls-key=" + file("node.key"), "--tls-ca=" + file("ca.crt"), "--tls-name=pingd"}
	client := clientOf(t, dir)
	c, err := procs.StartCluster(within(t), lab, procs.ClusterConfig{
		Binary: pingd(t), Stores: 3, Counters: 2, Proxies: 1, TLS: client,
		StoreArgs: args, CounterArgs: args, ProxyArgs: args,
	})
	if err != nil {
		t.Fatal(err)
	}
	v := visit(t, c, 20)
	leader, err := c.WaitWhole(within(t))
	if err != nil {
		t.Fatal(err)
	}
	sentinels := make([]string, len(c.Stores))
	for i, n := range c.Stores {
		sentinels[i] = n.Sentinel
	}
	rdb := redis.NewFailoverClient(&redis.FailoverOptions{MasterName: "master", SentinelAddrs: sentinels, TLSConfig: client})
	defer rdb.Close()
	var acked int64
	incr := func(ctx context.Context) error {
		n, err := rdb.Incr(ctx, "n").Result()
		if err == nil && n <= acked {
			t.Errorf("INCR went back from %d to %d", acked, n)
		}
		acked = max(acked, n)
		return err
	}
	for range 10 {
		if err := incr(within(t)); err != nil {
			t.Fatal(err)
		}
	}
	if err := leader.Kill(); err != nil {
		t.Fatal(err)
	}
	eventually(t, incr)
	v.acked(t, v.rec.Since())
	if err := leader.Restart(within(t)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.WaitWhole(within(t)); err != nil {
		t.Fatal(err)
	}

	t.Run("strangers", func(t *testing.T) {
		addr := c.Stores[0].Redis
		if out := redisCLI(t, addr, "PING"); !strings.Contains(out, "TLS") {
			t.Errorf("without TLS: %s", out)
		}
		trusting := &tls.Config{RootCAs: client.RootCAs, ServerName: "pingd"}
		if err := ping(within(t), addr, trusting); err == nil {
			t.Error("let in without a certificate")
		}
		if err := ping(within(t), addr, client); err != nil {
			t.Error(err)
		}
		other := clientOf(t, certificates(t))
		other.RootCAs = client.RootCAs
		if err := ping(within(t), addr, other); err == nil {
			t.Error("let in with the certificate of another authority")
		}
		if err := ping(within(t), c.Stores[0].Raft, client); err == nil || !strings.Contains(err.Error(), "bad certificate") {
			t.Errorf("an application on the bus: %v", err)
		}
		out, _, err := run(within(t), t, "status", "--join="+addr, "--tls-ca="+file("ca.crt"), "--tls-name=pingd",
			"--tls-cert="+file("shop.crt"), "--tls-key="+file("shop.key"))
		if err != nil || !strings.Contains(out, "leader") {
			t.Error(out, err)
		}
	})

	t.Run("renewal", func(t *testing.T) {
		standing := redis.NewClient(&redis.Options{Addr: c.Stores[0].Redis, TLSConfig: client, PoolSize: 1, MaxRetries: -1})
		defer standing.Close()
		id, err := standing.ClientID(within(t)).Result()
		if err != nil {
			t.Fatal(err)
		}
		before := serials(t, c, client)
		renew := exec.CommandContext(within(t), "sh", "-e", "-c", `umask 077
			openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -CA ca.crt -CAkey ca.key -days 365 \
				-subj /CN=pingd -addext subjectAltName=DNS:pingd -addext basicConstraints=critical,CA:FALSE -keyout new.key -out new.crt
			mv new.key node.key; mv new.crt node.crt`)
		renew.Dir = dir
		if out, err := renew.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		eventually(t, func(context.Context) error {
			for i, serial := range serials(t, c, client) {
				if serial == before[i] {
					return fmt.Errorf("%s shows its old certificate", c.Stores[i].Name())
				}
			}
			return nil
		})
		if again, err := standing.ClientID(within(t)).Result(); err != nil || again != id {
			t.Errorf("a connection was dropped: client %d, then %d, %v", id, again, err)
		}
		// New connections between all of them.
		for _, n := range c.Stores {
			if err := n.Restart(within(t)); err != nil {
				t.Fatal(err)
			}
			if _, err := c.WaitWhole(within(t)); err != nil {
				t.Fatal(err)
			}
		}
		if err := c.WaitReady(within(t)); err != nil {
			t.Fatal(err)
		}
	})
	eventually(t, incr)
	v.acked(t, v.rec.Since())
	v.check(t)
}

// ping says PING in the way of Redis.
func ping(ctx context.Context, addr string, cfg *tls.Config) error {
	conn, err := (&tls.Dialer{Config: cfg}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := conn.Write([]byte("PING\r\n")); err != nil {
		return err
	}
	var b [7]byte
	if _, err := conn.Read(b[:]); err != nil {
		return err
	}
	if string(b[:]) != "+PONG\r\n" {
		return errors.New(string(b[:]))
	}
	return nil
}

// serials returns those of the certificates that the stores show.
func serials(t *testing.T, c *procs.Cluster, cfg *tls.Config) []string {
	t.Helper()
	var all []string
	for _, n := range c.Stores {
		conn, err := (&tls.Dialer{Config: cfg, NetDialer: &net.Dialer{Timeout: 20 * time.Second}}).DialContext(within(t), "tcp", n.Redis)
		if err != nil {
			t.Fatal(err)
		}
		shown := conn.(*tls.Conn).ConnectionState().PeerCertificates[0]
		_ = conn.Close()
		all = append(all, shown.SerialNumber.String())
	}
	return all
}
