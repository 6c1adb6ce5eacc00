"""The entities people configure: gateway, pool. Foreign data becomes values here."""
