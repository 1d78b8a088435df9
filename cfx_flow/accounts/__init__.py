"""Who may come in: accounts, their keys, and the pepper that guards the keys' hashes."""

from cfx_flow.accounts.accounts import Accounts
from cfx_flow.accounts.key_rows import KeyInfo, NewKey
from cfx_flow.accounts.pepper import former_peppers, load_pepper
from cfx_flow.accounts.principal import Principal

__all__ = ["Accounts", "KeyInfo", "NewKey", "Principal", "former_peppers", "load_pepper"]
