"""The only place that opens sockets: networks, streams, and the trusted authorities of TLS."""
