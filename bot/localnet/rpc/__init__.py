"""JSON-RPC of the local node: method tables over the engine, in the shapes and error codes of Agave 4.1. Sans-IO."""
