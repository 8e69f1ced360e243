"""The only place that opens sockets: networks, streams, and the trust that TLS rests on."""
