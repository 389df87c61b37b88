"""The same service in Starlette alone."""

from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

import fieldmark
from fieldmark import FieldmarkMiddleware

RELEASE = 1


@fieldmark.job("warm-up")
def warm_up() -> None:
    pass


def send_receipt(number: int) -> None:
    if number == 0:
        raise ConnectionError("no mail today")


async def order(request: Request) -> Response:
    if request.path_params["order_id"] == 0:
        raise HTTPException(404, detail="no such order")
    return JSONResponse({"id": request.path_params["order_id"], "customer": {"name": "Ada", "phone": None}})


async def place(request: Request) -> Response:
    order = await request.json()
    return JSONResponse({"id": 7, "customer": order["customer"], "total": sum(order["prices"])}, status_code=201)


async def receipt(request: Request) -> Response:
    task = BackgroundTask(send_receipt, request.path_params["order_id"])
    return JSONResponse({"queued": True}, status_code=202, background=task)


def item(request: Request) -> Response:
    return JSONResponse({"item": request.path_params["item"]})


async def broken(request: Request) -> Response:
    raise ZeroDivisionError


async def release(request: Request) -> Response:
    return JSONResponse(RELEASE)


orders = [
    Route("/", place, methods=["POST"]),
    Route("/{order_id:int}", order),
    Route("/{order_id:int}/receipt", receipt, methods=["POST"]),
]
app = Starlette(
    routes=[
        Mount("/api", routes=[Mount("/v1", routes=[Mount("/orders", routes=orders)])]),
        Mount("/legacy", app=Starlette(routes=[Route("/items/{item}", item)])),
        Route("/broken", broken),
        Route("/release", release),
    ]
)
app.add_middleware(FieldmarkMiddleware)
warm_up()
