"""Apache as balancer: mod_proxy_balancer, and its balancer-manager."""
