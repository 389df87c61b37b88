"""The handlers. The catalogue stands in for the database: an order placed or patched is answered, not kept,
so that any worker gives the same answer to the same request."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from typing import Annotated

from fastapi import APIRouter, BackgroundTasks, HTTPException, Query

from shop.catalogue import BUYERS, ORDERS, ORDERS_OF, PRODUCTS, TIERS, euros, international, totals_of
from shop.models import (
    Category,
    Customer,
    Health,
    Hit,
    Item,
    NewCustomer,
    NewOrder,
    Order,
    OrderLine,
    OrderPage,
    OrderPatch,
    Product,
    ProductDetail,
    ProductPage,
    SearchResult,
    Status,
    Tier,
)

log = logging.getLogger("shop")

PAGE_SIZE = 12
HITS_MAX = 10
TIER_DISCOUNTS = {Tier.BASIC: 0.0, Tier.PLUS: 0.03, Tier.PARTNER: 0.03}


def identifier_of(prefix: str, *parts: str) -> str:
    """The same content gets the same identifier, so that a client may send an order again."""
    return f"{prefix}-{hashlib.sha256('|'.join(parts).encode()).hexdigest()[:12]}"


def stored_order(order_id: str) -> Order:
    if order_id not in ORDERS:
        raise HTTPException(404, "no such order")
    return ORDERS[order_id]


class Shop:
    """One release's handlers; the methods are the routes' endpoints."""

    def router(self) -> APIRouter:
        router = APIRouter()
        router.add_api_route("/health", self.health, methods=["GET"])
        router.add_api_route("/products", self.products, methods=["GET"])
        router.add_api_route("/products/{product_id}", self.product, methods=["GET"])
        router.add_api_route("/search", self.search, methods=["GET"])
        router.add_api_route("/orders", self.place_order, methods=["POST"], status_code=201)
        router.add_api_route("/orders", self.orders, methods=["GET"])
        router.add_api_route("/orders/{order_id}", self.order, methods=["GET"])
        router.add_api_route("/orders/{order_id}", self.patch_order, methods=["PATCH"])
        router.add_api_route("/customers", self.register, methods=["POST"], status_code=201)
        return router

    async def health(self) -> Health:
        return Health(status="ok")

    async def products(
        self, category: Category | None = None, page: Annotated[int, Query(ge=1, le=100)] = 1
    ) -> ProductPage:
        found = [product for product in PRODUCTS.values() if category in (None, product.category)]
        start = (page - 1) * PAGE_SIZE
        return ProductPage(
            items=[Product(**product.model_dump()) for product in found[start : start + PAGE_SIZE]],
            page=page,
            pages=-(-len(found) // PAGE_SIZE),
            total=len(found),
        )

    async def product(self, product_id: str) -> ProductDetail:
        if product_id not in PRODUCTS:
            raise HTTPException(404, "no such product")
        return PRODUCTS[product_id]

    async def search(self, q: Annotated[str, Query(min_length=2, max_length=60)]) -> SearchResult:
        words = q.lower().split()
        scored = []
        for product in PRODUCTS.values():
            text = f"{product.name} {product.description} {' '.join(product.tags)}".lower()
            score = sum(text.count(word) for word in words) / len(words)
            if score > 0:
                scored.append((score + (product.rating or 3) / 10, product))
        scored.sort(key=lambda entry: (-entry[0], entry[1].id))
        return SearchResult(
            query=q,
            total=len(scored),
            hits=[
                Hit(id=product.id, name=product.name, price=product.price, score=round(score, 3))
                for score, product in scored[:HITS_MAX]
            ],
            suggestions=sorted({tag for _, product in scored[:HITS_MAX] for tag in product.tags}),
        )

    async def place_order(self, new: NewOrder, tasks: BackgroundTasks) -> Order:
        items = [self.item(wanted.product_id, wanted.quantity, wanted.gift_note) for wanted in new.items]
        buyer = new.customer.model_copy(update={"phone": self.contact_phone(new.customer.phone)})
        order = Order(
            id=identifier_of("o", new.customer.email, new.ordered_at.isoformat()),
            status=Status.PAID if new.coupon else Status.PENDING,
            channel=new.channel,
            customer=buyer,
            items=items,
            totals=totals_of(items, new.coupon),
            coupon=new.coupon,
            ordered_at=new.ordered_at,
        )
        tasks.add_task(send_confirmation, order)
        return order

    def item(self, product_id: str, quantity: int, gift_note: str | None) -> Item:
        if product_id not in PRODUCTS:
            raise HTTPException(404, "no such product")
        product = PRODUCTS[product_id]
        return Item(
            product_id=product.id,
            name=product.name,
            quantity=quantity,
            price=product.price,
            gift_note=gift_note,
        )

    def contact_phone(self, phone: str | None) -> str | None:
        return international(phone)

    async def orders(self, customer_id: str) -> OrderPage:
        if customer_id not in BUYERS:
            raise HTTPException(404, "no such customer")
        orders = ORDERS_OF[customer_id]
        return OrderPage(
            customer_id=customer_id,
            orders=[self.line(order) for order in orders],
            spent=euros(sum(order.totals.total for order in orders if order.status is not Status.CANCELLED)),
            discount_ratio=self.discount(customer_id),
        )

    def line(self, order: Order) -> OrderLine:
        return OrderLine(
            id=order.id,
            status=order.status,
            ordered_at=order.ordered_at,
            item_count=sum(item.quantity for item in order.items),
            total=order.totals.total,
            products=[item.product_id for item in order.items],
        )

    def discount(self, customer_id: str) -> float:
        return TIER_DISCOUNTS[TIERS[customer_id]]

    async def order(self, order_id: str) -> Order:
        return stored_order(order_id)

    async def patch_order(self, order_id: str, patch: OrderPatch) -> Order:
        order = stored_order(order_id)
        customer = order.customer
        if patch.address:
            customer = customer.model_copy(update={"address": patch.address})
        return order.model_copy(
            update={"status": patch.status or order.status, "note": patch.note, "customer": customer}
        )

    async def register(self, new: NewCustomer, tasks: BackgroundTasks) -> Customer:
        customer = Customer(
            **new.model_dump(),
            id=identifier_of("c", new.email),
            tier=Tier.PLUS if len(new.interests) > 2 else Tier.BASIC,
        )
        tasks.add_task(send_welcome, customer)
        return customer


async def send_confirmation(order: Order) -> None:
    """What a mail gateway would take, without one."""
    await asyncio.sleep(0.02)
    log.debug("confirmation for %s", order.id)


async def send_welcome(customer: Customer) -> None:
    await asyncio.sleep(0.02)
    log.debug("welcome to %s", customer.id)
