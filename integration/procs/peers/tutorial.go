package peers

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"pingd/integration/procs"
)

//go:embed tutorial/app.py
var tutorialApp string

//go:embed tutorial/gunicorn.py
var tutorialGunicorn string

// TutorialConfig says how the stack is set up. The zero value is not usable:
// DownAfter and Poll are needed.
type TutorialConfig struct {
	Apps      int           // gunicorn masters, each with twice the cores and one workers
	DownAfter time.Duration // Sentinel's down-after-milliseconds
	Poll      time.Duration // how often confd looks into etcd
	// Tuned leaves out what the tutorial has and a careful user would not: Django's
	// DEBUG, gunicorn's reload and its access log.
	Tuned bool
}

// Tutorial is the usual way to build what pingd is from parts: HAProxy before
// gunicorn and Django, a Redis master with two replicas, three Sentinels, and
// etcd for the list of servers, which confd (here: a stand-in that does the same)
// turns into HAProxy's configuration.
type Tutorial struct {
	Proxy *procs.Process
	Apps  []*procs.Process
	Redis *RedisGroup
	Etcd  *Etcd
	Addr  string // of HAProxy

	lab    *procs.Lab
	config TutorialConfig
	paths  struct{ haproxy, gunicorn string }

	mu      sync.Mutex
	servers string // HAProxy's lines, as they are in force
}

// StartTutorial starts everything at once, where nothing has to wait for another,
// and returns when HAProxy brings a visit to Redis. Confd looks into etcd until
// ctx ends; wait for that with Confd.
func StartTutorial(ctx context.Context, lab *procs.Lab, config TutorialConfig) (t *Tutorial, err error) {
	t = &Tutorial{lab: lab, config: config}
	if t.paths.haproxy, err = find("haproxy", "haproxy"); err != nil {
		return nil, err
	}
	if t.paths.gunicorn, err = find("gunicorn", "gunicorn python3-django python3-redis python3-gevent"); err != nil {
		return nil, err
	}
	if t.Redis, err = startDefaultRedisGroup(ctx, lab); err != nil {
		return nil, err
	}
	if err := t.Redis.StartSentinels(ctx, lab, "sentinel", 3, config.DownAfter); err != nil {
		return nil, err
	}
	if t.Etcd, err = StartEtcd(ctx, lab, "etcd", 1); err != nil {
		return nil, err
	}
	for range config.Apps {
		addr, err := t.startApp(ctx)
		if err != nil {
			return nil, err
		}
		if err := t.register(ctx, addr); err != nil {
			return nil, err
		}
	}
	if err := t.startProxy(ctx); err != nil {
		return nil, err
	}
	return t, t.Proxy.WaitReady(ctx, procs.Answers("http://"+t.Addr+"/own"))
}

// startDefaultRedisGroup starts a master and two replicas as their image does:
// without a configuration of persistence, so with Redis's default of a snapshot
// now and then.
func startDefaultRedisGroup(ctx context.Context, lab *procs.Lab) (*RedisGroup, error) {
	path, err := find("redis-server", "redis-server")
	if err != nil {
		return nil, err
	}
	g := &RedisGroup{}
	for i := range 3 {
		name := fmt.Sprintf("plain-redis%d", i+1)
		dir, err := lab.Dir(name)
		if err != nil {
			return nil, err
		}
		port, err := lab.Port()
		if err != nil {
			return nil, err
		}
		conf := fmt.Sprintf("bind 127.0.0.1\nport %d\ndir %s\n", port, dir)
		if i > 0 {
			conf += "replicaof " + strings.Replace(g.Servers[0].Addr, ":", " ", 1) + "\n"
		}
		file, err := write(dir, "redis.conf", conf)
		if err != nil {
			return nil, err
		}
		p, err := lab.Start(ctx, procs.Spec{Name: name, Path: path, Args: []string{file}, Dir: dir})
		if err != nil {
			return nil, err
		}
		r := &Redis{Process: p, Addr: fmt.Sprintf("127.0.0.1:%d", port)}
		if err := p.WaitReady(ctx, redisPings(r.Addr)); err != nil {
			return nil, err
		}
		g.Servers = append(g.Servers, r)
	}
	return g, g.WaitWhole(ctx)
}

// startApp starts one more application and returns its address.
func (t *Tutorial) startApp(ctx context.Context) (string, error) {
	name := fmt.Sprintf("app%d", len(t.Apps)+1)
	dir, err := t.lab.Dir(name)
	if err != nil {
		return "", err
	}
	for file, text := range map[string]string{"app.py": tutorialApp, "gunicorn.py": tutorialGunicorn} {
		if _, err := write(dir, file, text); err != nil {
			return "", err
		}
	}
	addr, err := t.lab.Addr()
	if err != nil {
		return "", err
	}
	var sentinels []string
	for _, s := range t.Redis.Sentinels {
		sentinels = append(sentinels, s.Addr)
	}
	debug := "1"
	if t.config.Tuned {
		debug = "0"
	}
	p, err := t.lab.Start(ctx, procs.Spec{
		Name: name, Path: t.paths.gunicorn, Args: []string{"-c", "gunicorn.py", "app:application"}, Dir: dir, Workers: true,
		Env: []string{"TUTORIAL_BIND=" + addr, "TUTORIAL_SENTINELS=" + strings.Join(sentinels, ","), "TUTORIAL_DEBUG=" + debug},
	})
	if err != nil {
		return "", err
	}
	t.Apps = append(t.Apps, p)
	return addr, p.WaitReady(ctx, procs.Listens(addr))
}

// AddApp starts one more application, registers it and returns the name that its
// answers bear in X-Server, and when it was registered.
func (t *Tutorial) AddApp(ctx context.Context) (name string, at time.Time, err error) {
	addr, err := t.startApp(ctx)
	if err != nil {
		return "", at, err
	}
	at = time.Now()
	return t.Apps[len(t.Apps)-1].Name(), at, t.register(ctx, addr)
}

// register writes the newest application's address into etcd.
func (t *Tutorial) register(ctx context.Context, addr string) error {
	name := t.Apps[len(t.Apps)-1].Name()
	_, err := t.etcd(ctx, "put", map[string]string{"key": encode("/app/servers/" + name), "value": encode(addr)})
	return err
}

func encode(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

// etcdAnswer is what is read of etcd's answers.
type etcdAnswer struct {
	Kvs []struct{ Key, Value []byte }
}

func (t *Tutorial) etcd(ctx context.Context, call string, body map[string]string) (answer etcdAnswer, err error) {
	text, err := json.Marshal(body)
	if err != nil {
		return answer, err
	}
	url := "http://" + t.Etcd.Endpoints[0] + "/v3/kv/" + call
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(text))
	if err != nil {
		return answer, fmt.Errorf("ask %s: %w", url, err)
	}
	req.Close = true
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return answer, fmt.Errorf("ask %s: %w", url, err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return answer, fmt.Errorf("ask %s: %s", url, res.Status)
	}
	return answer, json.NewDecoder(res.Body).Decode(&answer)
}

// render writes HAProxy's configuration from what etcd holds and tells whether it
// differs from the one in force.
func (t *Tutorial) render(ctx context.Context) (changed bool, err error) {
	all, err := t.etcd(ctx, "range", map[string]string{"key": encode("/app/servers/"), "range_end": encode("/app/servers0")})
	if err != nil {
		return false, err
	}
	var lines []string
	for _, kv := range all.Kvs {
		lines = append(lines, fmt.Sprintf("    server %s %s check inter 2000 rise 2 fall 5\n", filepath.Base(string(kv.Key)), kv.Value))
	}
	slices.Sort(lines)
	servers := strings.Join(lines, "")
	t.mu.Lock()
	defer t.mu.Unlock()
	if servers == t.servers {
		return false, nil
	}
	// The tutorial's settings. nbproc is gone since HAProxy 2.5; X-Server tells
	// the benchmark who answered.
	conf := "global\n    maxconn 4096\ndefaults\n    mode http\n    option dontlognull\n    option redispatch\n    retries 2\n    maxconn 2000\n" +
		"    balance roundrobin\n    timeout connect 5000ms\n    timeout client 5000ms\n    timeout server 5000ms\n" +
		"frontend main\n    bind " + t.Addr + "\n    default_backend webserver\n    http-response set-header X-Server %s\nbackend webserver\n" + servers
	dir, err := t.lab.Dir("lb")
	if err != nil {
		return false, err
	}
	if _, err := write(dir, "haproxy.cfg", conf); err != nil {
		return false, err
	}
	t.servers = servers
	return true, nil
}

// startProxy starts HAProxy with a master process, which takes reloads.
func (t *Tutorial) startProxy(ctx context.Context) (err error) {
	if t.Addr, err = t.lab.Addr(); err != nil {
		return err
	}
	if _, err := t.render(ctx); err != nil {
		return err
	}
	dir, err := t.lab.Dir("lb")
	if err != nil {
		return err
	}
	t.Proxy, err = t.lab.Start(ctx, procs.Spec{Name: "lb", Path: t.paths.haproxy, Args: []string{"-W", "-db", "-f", filepath.Join(dir, "haproxy.cfg")}, Dir: dir, Workers: true})
	return err
}

// Confd looks into etcd at every Poll and reloads HAProxy when the servers have
// changed, until ctx ends.
func (t *Tutorial) Confd(ctx context.Context) error {
	tick := time.NewTicker(t.config.Poll)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
		changed, err := t.render(ctx)
		if err == nil && changed {
			err = t.Proxy.Signal(syscall.SIGUSR2)
		}
		if err != nil && ctx.Err() == nil {
			return err
		}
	}
}

// Processes returns all of them.
func (t *Tutorial) Processes() []*procs.Process {
	all := append([]*procs.Process{t.Proxy}, t.Apps...)
	for _, r := range t.Redis.Servers {
		all = append(all, r.Process)
	}
	for _, s := range t.Redis.Sentinels {
		all = append(all, s.Process)
	}
	return append(all, t.Etcd.Members...)
}

// Master returns the process of the Redis that the Sentinels call master.
func (t *Tutorial) Master(ctx context.Context) (*procs.Process, error) {
	var master *procs.Process
	err := procs.Poll(ctx, func(ctx context.Context) error {
		addr, err := t.Redis.Master(ctx)
		if err != nil {
			return err
		}
		r := t.Redis.ByAddr(addr)
		if r == nil {
			return errors.New("the Sentinels name a master that nobody started: " + addr)
		}
		master = r.Process
		return nil
	})
	return master, err
}
