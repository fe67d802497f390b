from django.urls import path

from gallery import media

urlpatterns = [
    path("outputs/<uuid:image_id>.png", media.output, {"extension": "png"}, name="image-original"),
    path("outputs/<uuid:image_id>.webp", media.output, {"extension": "webp"}, name="image-thumbnail"),
]
