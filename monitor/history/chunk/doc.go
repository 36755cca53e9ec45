// Package chunk packs a stretch of one series into few bytes, and back. It is pure.
//
// A point is the least, average and greatest value of a span of time, or a gap. Of
// a value the 11 most significant binary digits are kept (an error of at most
// 0.025 %; whole numbers below 4096 stay exact), which is more than a chart can
// show. Such a value is an integer that grows with it, small steps of a series are
// small steps of the integer, and so
//
//	version  byte
//	points   uvarint
//	flate of
//	  average  for each point: 0 = gap, else 1 + zigzag(step from the one before)
//	  above    for each that is no gap: greatest less average
//	  below    for each that is no gap: average less least, both as uvarint
//	checksum 4 bytes, CRC-32C of all before
//
// takes about a byte a point where something happens, and a few hundredths where
// nothing does.
package chunk
