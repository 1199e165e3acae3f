"""The page's layout and events, in gradio."""

from pathlib import Path
from typing import Any

import gradio as gr

from fmnist_pl.app.answer import Answer, answer, picture
from fmnist_pl.app.examples import Examples
from fmnist_pl.errors import UserError
from fmnist_pl.photos.prepare import prepare
from fmnist_pl.photos.read import read_photo
from fmnist_pl.predictor import Predictor

TITLE = "What is this piece of clothing?"
ASK = "## Drop a photo, or click an image"
AT_ONCE = 2
"""Pictures that are worked on at the same time; others wait."""

WAITING = 32
"""Pictures that may wait; whoever comes then is asked to try again."""

KEEP_SECONDS = 3600
"""Uploads are deleted after that."""


def make_page(predictor: Predictor, examples: Examples, model: str) -> gr.Blocks:
    """Lay out the page.

    Args:
        predictor: Who answers.
        examples: Images to try.
        model: A line on the model, in Markdown.
    """
    page = gr.Blocks(title=TITLE, analytics_enabled=False, delete_cache=(KEEP_SECONDS, KEEP_SECONDS))
    with page:
        gr.Markdown(f"# {TITLE}\n{model}")
        with gr.Row(equal_height=False):
            with gr.Column(min_width=300):
                gr.Markdown("**A photo: one piece, on a plain ground**")
                photo = gr.Image(
                    sources=["upload", "webcam", "clipboard"],
                    label="A photo",
                    show_label=False,
                    image_mode=None,
                    height=260,
                    elem_id="photo",
                )
            with gr.Column(min_width=300):
                headline = gr.Markdown(ASK, elem_id="headline")
                with gr.Row(elem_id="pictures"):
                    seen = _picture("What the network saw")
                    mattered = _picture("What mattered (orange)")
                gr.Markdown("**Probabilities**")
                bars = gr.Label(num_top_classes=10, show_heading=False, show_label=False, elem_id="bars")
        gr.Markdown(f"**{examples.label}**")
        gallery = gr.Gallery(
            [picture(image.float().unsqueeze(-1).expand(-1, -1, 3)) for image in examples.images],
            label=examples.label,
            show_label=False,
            columns=10,
            height="auto",
            format="png",
            allow_preview=False,
            interactive=False,
            buttons=[],
            elem_id="examples",
        )
        shown = [headline, bars, seen, mattered]
        options: dict[str, Any] = {
            "concurrency_limit": AT_ONCE,
            "concurrency_id": "network",
            "api_visibility": "private",
        }
        # without gradio's own reading of the file: that has no limits
        photo.input(lambda payload: _of_photo(predictor, payload), photo, shown, preprocess=False, **options)
        photo.clear(lambda: [ASK, None, None, None], None, shown)

        def choose(event: gr.SelectData) -> list[Any]:
            return _shown(answer(predictor, examples.images[int(event.index)]))

        gallery.select(choose, None, shown, **options)
    return page.queue(max_size=WAITING, api_open=False)


def _picture(label: str) -> gr.Image:
    with gr.Column(min_width=130):
        gr.Markdown(f"**{label}**")
        return gr.Image(
            label=label, show_label=False, type="pil", format="png", interactive=False, buttons=[], height=200
        )


def _of_photo(predictor: Predictor, payload: dict[str, Any] | None) -> list[Any]:
    if not payload or not payload.get("path"):
        return [ASK, None, None, None]
    try:
        image = prepare(read_photo(Path(payload["path"])))
    except UserError as error:
        raise gr.Error(f"This is no photo that can be used: {error}.", print_exception=False) from error
    return _shown(answer(predictor, image))


def _shown(found: Answer) -> list[Any]:
    return [found.headline, found.probabilities, found.seen, found.mattered]
