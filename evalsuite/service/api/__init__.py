"""The API: typed requests in, typed answers out; `saeval.evalsuite.client.wire` has the types."""
