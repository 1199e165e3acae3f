"""Start the server of the page; by default only this machine can reach it."""

import signal
import sys
from pathlib import Path
from typing import Any

from fmnist_pl.app.examples import find_examples
from fmnist_pl.app.uploads import upload_folder
from fmnist_pl.errors import UserError
from fmnist_pl.foreign_text import printable
from fmnist_pl.photos.decode import MAX_BYTES
from fmnist_pl.predictor import Predictor

LOCAL = "runs on this machine; photos are not sent elsewhere"


def serve(model: Path | None = None, host: str = "127.0.0.1", port: int = 7860, block: bool = True) -> Any:
    """Serve the page until Ctrl-C or SIGTERM.

    Args:
        model: A checkpoint, or an exported .onnx or .safetensors; by default the weights that ship with the package.
        host: Address to listen on; 127.0.0.1 for this machine only, 0.0.0.0 for all machines that can reach it.
        port: TCP port.
        block: Whether to wait until the server is stopped.

    Returns:
        The running page; its method ``close`` stops it.

    Raises:
        UserError: The model cannot be read, gradio is not installed, or the port is taken.
    """
    if not 1 <= port <= 65_535:
        raise UserError(f"port: there is no TCP port {port}; give 1 to 65535")
    upload_folder()  # before gradio makes one of its own
    try:
        import gradio as gr
        from starlette.middleware import Middleware

        from fmnist_pl.app.page import make_page
        from fmnist_pl.app.request_limits import RequestLimits
    except ImportError as error:
        raise UserError(f"the page needs {error.name}: pip install -e '.[app]' in the checkout") from error
    page = make_page(_predictor(model), find_examples(), _about(model))
    try:
        page.launch(
            server_name=host,
            server_port=port,
            theme=gr.themes.Soft(font=["system-ui", "sans-serif"], font_mono=["monospace"]),  # no web fonts
            css_paths=Path(__file__).with_name("page.css"),
            footer_links=[],
            max_file_size=MAX_BYTES,
            max_threads=8,
            show_error=False,
            share=False,
            ssr_mode=False,
            pwa=False,
            mcp_server=False,
            enable_monitoring=False,
            app_kwargs={"middleware": [Middleware(RequestLimits, host=host)]},
            quiet=True,
            prevent_thread_lock=True,
        )
    except OSError as error:
        raise UserError(f"port {port} of {host} is not available: choose others with --port and --host") from error
    print(f"the page is at http://{host}:{port} (Ctrl-C stops it)", flush=True)
    if block:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # an exit that removes the uploads
        page.block_thread()
    return page


def _predictor(model: Path | None) -> Predictor:
    if model is None:
        return Predictor.shipped()
    return Predictor.from_checkpoint(model) if model.suffix == ".ckpt" else Predictor.from_export(model)


def _about(model: Path | None) -> str:
    if model is None:
        return f"A small convolutional network, trained on Fashion-MNIST, {LOCAL}."
    return f"`{printable(model.name)}` {LOCAL}."
