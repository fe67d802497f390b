from django.urls import path

from generation import exports

urlpatterns = [
    path("outputs/<uuid:image_id>/picture.jpg", exports.export, {"extension": "jpg"}, name="image-jpeg"),
    path("outputs/<uuid:image_id>/picture.webp", exports.export, {"extension": "webp"}, name="image-webp"),
]
