// Package peers starts the systems that pingd replaces or is measured against,
// as their Debian packages bring them: Redis with replicas and Sentinels, etcd,
// HAProxy and nginx. Each gets a configuration of its own in the Lab's
// directory and free loopback ports, and ends with the Lab.
//
// The settings are those of the tutorial's stack where it has any, and else the
// ones that are kind to the peer: no access log, keep-alive to the backends.
package peers
