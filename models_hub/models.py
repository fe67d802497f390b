from django.db import models
from django.db.models import Q
from django.utils import timezone

from sdweb.ids import uuid7


class ModelFile(models.Model):
    """One model in the library: a file or a folder that was inspected and hashed, never executed.

    A scan makes and updates rows, an administrator enables, disables and picks the default. A file that went
    away keeps its row (``missing_since``), so that it comes back as it was.
    """

    class Kind(models.TextChoices):
        CHECKPOINT = "checkpoint", "Checkpoint"
        LORA = "lora", "LoRA"
        VAE = "vae", "VAE"
        CONTROLNET = "controlnet", "ControlNet"
        EMBEDDING = "embedding", "Embedding"
        IP_ADAPTER = "ip_adapter", "IP-Adapter"
        CLIP = "clip", "CLIP (images and text)"
        UPSCALER = "upscaler", "Upscaler"
        DETECTOR = "detector", "Detector"
        PREVIEW_DECODER = "preview_decoder", "Preview decoder"
        FACE_RESTORER = "face_restorer", "Face restorer"
        LANGUAGE_MODEL = "language_model", "Language model"

    class Family(models.TextChoices):
        SD15 = "sd15", "Stable Diffusion 1.5"
        SD2 = "sd2", "Stable Diffusion 2"
        SDXL = "sdxl", "Stable Diffusion XL"
        SD3 = "sd3", "Stable Diffusion 3"
        FLUX = "flux", "Flux"
        UNKNOWN = "unknown", "Not known"

    class Variant(models.TextChoices):
        BASE = "base", "Usual"
        INPAINTING = "inpainting", "Made for inpainting"
        REFINER = "refiner", "Refines what another one drew"

    class Format(models.TextChoices):
        DIFFUSERS = "diffusers", "Folder of diffusers"
        TRANSFORMERS = "transformers", "Folder of transformers"
        SAFETENSORS = "safetensors", "Single safetensors file"
        TORCH = "torch", "PyTorch file with weights alone"
        ULTRALYTICS = "ultralytics", "YOLO file of ultralytics, a pickle"

    class Source(models.TextChoices):
        BUILTIN = "builtin", "Comes with the portal"
        FOLDER = "folder", "Models folder"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(max_length=255)
    kind = models.CharField(max_length=16, choices=Kind)
    family = models.CharField(max_length=16, choices=Family)
    variant = models.CharField(
        max_length=16, choices=Variant, default=Variant.BASE, help_text="What a checkpoint was made for."
    )
    format = models.CharField(max_length=16, choices=Format)
    source = models.CharField(max_length=16, choices=Source)
    path = models.CharField(
        max_length=1024, editable=False, help_text="Inside the source's folder, with forward slashes."
    )
    sha256 = models.CharField(
        max_length=64, help_text="Of the file; of a folder, over its files' names and hashes."
    )
    fingerprint = models.CharField(
        max_length=64,
        editable=False,
        help_text="Sizes and times of change: as long as it stays, so does the hash.",
    )
    size_bytes = models.PositiveBigIntegerField()
    native_size = models.PositiveIntegerField(help_text="Side in pixels of the pictures it was trained on.")
    enabled = models.BooleanField(default=True, help_text="Whether people may use it.")
    is_default = models.BooleanField(default=False, help_text="Used when a request names no model.")
    missing_since = models.DateTimeField(
        null=True, blank=True, help_text="When a scan first did not find it."
    )
    description = models.TextField(blank=True)
    license = models.CharField(max_length=255, blank=True)
    trigger_words = models.JSONField(
        default=list, blank=True, help_text="Words that wake it up in a prompt, as its file says."
    )
    groups = models.ManyToManyField(
        "auth.Group",
        blank=True,
        related_name="+",
        help_text="Who may use it; without any group everybody may.",
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["kind", "-is_default", "name"]
        verbose_name = "model"
        permissions = [("use_all_models", "Can use every enabled model, whatever its groups")]
        constraints = [
            models.UniqueConstraint(fields=["kind", "name"], name="model_name_once_per_kind"),
            models.UniqueConstraint(fields=["source", "path"], name="model_path_once_per_source"),
            models.UniqueConstraint(
                fields=["kind"], condition=Q(is_default=True), name="model_one_default_per_kind"
            ),
            models.CheckConstraint(
                condition=Q(is_default=False) | Q(enabled=True), name="model_default_is_enabled"
            ),
            # Loading a pickle can run any program. Of these kinds many exist in no other form; a scan takes
            # one in when nothing in it could, and loaders make no object of it but tensors and containers.
            models.CheckConstraint(
                condition=~Q(format="ultralytics") | Q(kind="detector"), name="model_ultralytics_is_detector"
            ),
            models.CheckConstraint(
                condition=~Q(format="torch") | Q(kind__in=("upscaler", "face_restorer", "embedding")),
                name="model_torch_of_few_kinds",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class ScanIssue(models.Model):
    """Something in a models folder that the last scan refused, and why: an administrator reads it, the next
    scan ends it.
    """

    source = models.CharField(max_length=16, choices=ModelFile.Source)
    path = models.CharField(max_length=1024)
    code = models.CharField(max_length=32)
    reason = models.TextField(help_text="What is wrong with it, and what can be done.")
    first_seen_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["source", "path"]
        verbose_name = "refused file"
        constraints = [models.UniqueConstraint(fields=["source", "path"], name="scan_issue_once_per_path")]

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"
