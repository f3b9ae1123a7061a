/** Pictures: of images side by side. */
export {
  drawGallery,
  type GalleryImage,
  type GalleryOptions,
  type GallerySection,
  imagesOf,
} from './gallery.ts'
