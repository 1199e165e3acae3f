"""Layout and events of the page, in gradio."""

from pathlib import Path
from typing import Any

import gradio as gr

from fmnist_pl.app.answer import Answer, answer, enlarged
from fmnist_pl.app.examples import Examples
from fmnist_pl.errors import UserError
from fmnist_pl.photos.decode import read_photo
from fmnist_pl.photos.prepare import prepare
from fmnist_pl.predictor import Predictor

TITLE = "What is this piece of clothing?"
PROMPT = "## Drop a photo, or click an image"
CONCURRENT = 2  # requests that run at the same time
MAX_WAITING = 32  # requests that may wait; further ones are refused
KEEP_SECONDS = 3600  # uploads are deleted after this time


def make_page(predictor: Predictor, examples: Examples, model: str) -> gr.Blocks:
    """Build the page.

    Args:
        predictor: Classifier.
        examples: Images to click on.
        model: One line about the model, in Markdown.
    """
    page = gr.Blocks(title=TITLE, analytics_enabled=False, delete_cache=(KEEP_SECONDS, KEEP_SECONDS))
    with page:
        gr.Markdown(f"# {TITLE}\n{model}")
        with gr.Row(equal_height=False):
            with gr.Column(min_width=300):
                gr.Markdown("**A photo of one piece of clothing on a plain background**")
                photo = gr.Image(
                    sources=["upload", "webcam", "clipboard"],
                    label="A photo",
                    show_label=False,
                    image_mode=None,
                    height=260,
                    elem_id="photo",
                )
            with gr.Column(min_width=300):
                headline = gr.Markdown(PROMPT, elem_id="headline")
                with gr.Row(elem_id="images"):
                    input_image = _image("Input image (28x28)")
                    saliency = _image("Saliency (orange)")
                gr.Markdown("**Probabilities**")
                bars = gr.Label(num_top_classes=10, show_heading=False, show_label=False, elem_id="bars")
        gr.Markdown(f"**{examples.label}**")
        gallery = gr.Gallery(
            [enlarged(image.float().unsqueeze(-1).expand(-1, -1, 3)) for image in examples.images],
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
        shown = [headline, bars, input_image, saliency]
        options: dict[str, Any] = {
            "concurrency_limit": CONCURRENT,
            "concurrency_id": "network",
            "api_visibility": "private",
        }
        # preprocess=False: gradio's own decoding of the file has no limits
        photo.input(lambda payload: _of_photo(predictor, payload), photo, shown, preprocess=False, **options)
        photo.clear(lambda: [PROMPT, None, None, None], None, shown)

        def choose(event: gr.SelectData) -> list[Any]:
            return _shown(answer(predictor, examples.images[int(event.index)]))

        gallery.select(choose, None, shown, **options)
    return page.queue(max_size=MAX_WAITING, api_open=False)


def _image(label: str) -> gr.Image:
    with gr.Column(min_width=130):
        gr.Markdown(f"**{label}**")
        return gr.Image(
            label=label, show_label=False, type="pil", format="png", interactive=False, buttons=[], height=200
        )


def _of_photo(predictor: Predictor, payload: dict[str, Any] | None) -> list[Any]:
    if not payload or not payload.get("path"):
        return [PROMPT, None, None, None]
    try:
        image = prepare(read_photo(Path(payload["path"])))
    except UserError as error:
        raise gr.Error(f"This photo cannot be used: {error}.", print_exception=False) from error
    return _shown(answer(predictor, image))


def _shown(result: Answer) -> list[Any]:
    return [result.headline, result.probabilities, result.input_image, result.saliency]
