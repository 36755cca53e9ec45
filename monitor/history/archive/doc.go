// Package archive keeps the sealed part of a monitor's history in bbolt files: ten
// seconds for a day, minutes for a month.
//
//	10s-<day>.db    a file for each day, unlinked after two
//	1m-<week>.db    a file for each week, unlinked once all of it is too old
//	  bucket        a chunk's start, unix seconds, 8 bytes big endian
//	    key         series, value: package chunk (an hour of 10 s, a day of minutes)
//	  "notes"       8 bytes of number, big endian: what happened, as its owner wrote it
//
// Series-major chunks make a chart of a month thirty gets. bbolt never gives space
// back, so what is too old goes by whole files. Files are open only while something
// is read or written: a monitor's memory is not to grow with its history.
package archive
