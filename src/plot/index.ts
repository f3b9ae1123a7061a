/** Pictures: of images side by side. */
export {
  drawGallery,
  type GalleryImage,
  type GalleryOptions,
  type GallerySection,
} from './gallery.ts'
