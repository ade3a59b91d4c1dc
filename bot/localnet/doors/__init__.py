"""The sockets of the local node: HTTP, WebSocket and the control socket. Thin shells; what they say is decided elsewhere."""
