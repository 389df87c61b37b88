"""A release with five faults, each of a kind that tests let through and data shows."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import Query

from shop.catalogue import TIERS, euros
from shop.models import Order, Product, SearchResult, Size, Tier
from shop.release import release
from shop.shop import Shop


class RenamedProduct(Product):
    description: str
    available: bool
    size: Size | None


class BadShop(Shop):
    def contact_phone(self, phone: str | None) -> str | None:
        """Knows only the international form, and most telephones are typed that way: but not all."""
        return phone if phone and phone.startswith("+") else None

    async def order(self, order_id: str) -> Order:
        """Prices in cents, as the new payment provider wants them; the API promised euros."""
        order = await super().order(order_id)
        cents = [item.model_copy(update={"price": euros(item.price * 100)}) for item in order.items]
        return order.model_copy(update={"items": cents})

    async def product(self, product_id: str) -> RenamedProduct:  # type: ignore[override]
        """A field has a better name now, and nobody told the clients."""
        found = await super().product(product_id)
        return RenamedProduct(**found.model_dump(exclude={"in_stock"}), available=found.in_stock)

    async def search(self, q: Annotated[str, Query(min_length=2, max_length=60)]) -> SearchResult:
        """Asks a second service first."""
        await asyncio.sleep(0.06)
        return await super().search(q)

    def discount(self, customer_id: str) -> float:
        """The table of discounts forgot the partners: one customer in fifty."""
        return {Tier.BASIC: 0.0, Tier.PLUS: 0.03}[TIERS[customer_id]]


app = release("bad", BadShop().router())
