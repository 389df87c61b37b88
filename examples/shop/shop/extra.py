"""A release for a test: its faults are of kinds that nobody had in mind when the judge was written."""

from __future__ import annotations

import logging

from fastapi import BackgroundTasks

from shop.models import NewOrder, Order, OrderLine, OrderPage, Status
from shop.release import release
from shop.shop import Shop

log = logging.getLogger("shop.payments")


class TextualLine(OrderLine):
    total: str  # type: ignore[assignment]


class TextualPage(OrderPage):
    orders: list[TextualLine]  # type: ignore[assignment]


class ExtraShop(Shop):
    async def orders(self, customer_id: str) -> TextualPage:
        """Amounts became text on their way through a decimal type."""
        page = await super().orders(customer_id)
        lines = [TextualLine(**{**line.model_dump(), "total": f"{line.total:.2f}"}) for line in page.orders]
        return TextualPage(**{**page.model_dump(), "orders": lines})

    async def place_order(self, new: NewOrder, tasks: BackgroundTasks) -> Order:
        """Orders paid by coupon wait for a payment that never comes."""
        order = await super().place_order(new, tasks)
        log.error("no payment came for %s", order.id)
        return order.model_copy(update={"status": Status.PENDING})


app = release("extra", ExtraShop().router())
