"""The one road money takes: request, admit, journal, sign, send, confirm, settle. Async over ports; no SDK, no SQL, no actor."""
