"""What the cells serve: nested routers, a mounted application, JSON both ways, errors, a background task, a job."""

from fastapi import APIRouter, BackgroundTasks, FastAPI, HTTPException
from pydantic import BaseModel

import fieldmark
from fieldmark import FieldmarkMiddleware

RELEASE = 1


class Customer(BaseModel):
    name: str
    phone: str | None = None


class Order(BaseModel):
    customer: Customer
    prices: list[float]


app = FastAPI()
app.add_middleware(FieldmarkMiddleware)
orders = APIRouter(prefix="/orders")
version_1 = APIRouter(prefix="/v1")
legacy = FastAPI()


@fieldmark.job("warm-up")
def warm_up() -> None:
    """Runs when the module is read: under --preload, before the workers are forked."""


def send_receipt(number: int) -> None:
    if number == 0:
        raise ConnectionError("no mail today")


@orders.get("/{order_id}")
async def order(order_id: int) -> dict:
    if order_id == 0:
        raise HTTPException(404, detail="no such order")
    return {"id": order_id, "customer": {"name": "Ada", "phone": None}}


@orders.post("/", status_code=201)
async def place(order: Order) -> dict:
    return {"id": 7, "customer": order.customer.model_dump(), "total": sum(order.prices)}


@orders.post("/{order_id}/receipt", status_code=202)
async def receipt(order_id: int, tasks: BackgroundTasks) -> dict:
    tasks.add_task(send_receipt, order_id)
    return {"queued": True}


@legacy.get("/items/{item}")
def item(item: str) -> dict:
    return {"item": item}


@app.get("/broken")
async def broken() -> None:
    raise ZeroDivisionError


@app.get("/release")
async def release() -> int:
    return RELEASE


version_1.include_router(orders)
app.include_router(version_1, prefix="/api")
app.mount("/legacy", legacy)
warm_up()
