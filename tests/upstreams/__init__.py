"""Upstreams that the gateway is tested against: our own scripted one, recorded ones, and two that others wrote."""
