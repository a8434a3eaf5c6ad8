// Package layer has what makes writing a layer short: a [poller.Layer] is what goes between a
// connection and its socket, such as encryption, or a header before the first byte.
// stream.Options.Layer puts one on connections from their beginning, and
// stream.Conn.StartLayer on one that is open.
//
// A layer makes a stream over the stream below it, and keeps the contract of package poller
// as a backend does. It embeds a [Base], which passes everything on, and writes only the methods
// in which it differs. What its owner calls are methods of the stream; what the stream below
// tells comes to a handler of its own, which embeds [Upcalls]. The two must not be one object:
// optional interfaces, as poller.Prefetcher is, mean one thing of a stream and another of a handler.
//
// The example counts bytes, and is a whole layer. Package layertest holds a layer to the contract.
package layer
