"""HTTPS in front of any site: the inventory compiled for Envoy, and Envoy supervised."""
