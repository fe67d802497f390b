"""What a job's request is made of, besides numbers and words: model files and pictures."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from generation.engine.spec import ModelRef
from generation.models import Job
from generation.schemas import Params
from generation.uploads import upload_read
from models_hub.models import ModelFile
from models_hub.services import model_path
from sdweb.errors import PortalError

if TYPE_CHECKING:
    from PIL.Image import Image


@dataclass(slots=True)
class Materials:
    """Models and pictures that the parameters name, each looked up once."""

    models: dict[str, ModelFile]
    """By the field that uses them, see ``Params.models``."""
    names: dict[str, str]
    """What they were called when the job was submitted."""
    _pictures: "dict[str, Image]" = field(default_factory=dict)

    def ref(self, use: str) -> ModelRef:
        """The engine's reference to a model. Raises ``PortalError("model_gone")``."""
        model = self.models.get(use)
        if model is None or not model.enabled:
            raise model_gone(self.names.get(use, ""), use)
        return model_ref(model)

    def picture(self, reference: str) -> "Image":
        """A picture that came with the job. Raises ``PortalError("input_gone")``."""
        if reference not in self._pictures:
            self._pictures[reference] = upload_read(reference)
        return self._pictures[reference]


def materials_for(params: Params) -> Materials:
    """All models of a job in one query."""
    found = {
        str(model.pk): model
        for model in ModelFile.objects.filter(pk__in={use.id for use in params.models.values()})
    }
    return Materials(
        models={name: found[use.id] for name, use in params.models.items() if use.id in found},
        names={name: use.name for name, use in params.models.items()},
    )


def checkpoint_ref(job: Job) -> ModelRef:
    """The checkpoint of a job. Raises ``PortalError("model_gone")``."""
    if job.model is None or not job.model.enabled:
        raise model_gone(job.params["model"], "model")
    return model_ref(job.model)


def model_ref(model: ModelFile) -> ModelRef:
    """How the engine is told of a model. Raises ``PortalError``, see ``model_path``."""
    return ModelRef(path=model_path(model), digest=model.sha256, name=model.name)


def model_gone(name: str, field: str) -> PortalError:
    """The error of a job whose model was taken away while it waited."""
    return PortalError(
        "model_gone",
        f"The model {name} is not there any more.",
        hint="Choose another one.",
        fields={field: "not there any more"},
        status=410,
    )
