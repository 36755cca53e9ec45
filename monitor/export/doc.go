// Package export turns samples of a host into Prometheus metrics under the names
// node_exporter and cAdvisor gave them.
package export
