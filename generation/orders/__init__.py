"""From what somebody asked for to what will be done: real models, real names, real seeds, predicted work.

Stores nothing: the pictures that came with the request are checked and ready to be kept.
"""

from generation.orders.errors import portal_error
from generation.orders.preparing import Order, order_prepare

__all__ = ["Order", "order_prepare", "portal_error"]
