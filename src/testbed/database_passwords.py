"""The names of database passwords in the nodes' secrets; without libraries, because the nodes read them, too."""


def password_name(role: str) -> str:
    """Return the name under which secrets hold the password of a database role, such as ``SHOP_DB_PASSWORD``."""
    return f"{role.upper().replace('-', '_')}_DB_PASSWORD"
