import { useState } from 'react';

import { api } from '../../../api/client';
import { toastError } from '../../../lib/toast';

interface PictureUpload {
  isUploading: boolean;
  /** Sends a picture to the server; its reference, or null when it was refused, which has been said. */
  upload: (file: File) => Promise<string | null>;
}

export function usePictureUpload(): PictureUpload {
  const [isUploading, setIsUploading] = useState(false);
  const upload = async (file: File): Promise<string | null> => {
    setIsUploading(true);
    try {
      return (await api.upload(file)).reference;
    } catch (error) {
      toastError(error);
      return null;
    } finally {
      setIsUploading(false);
    }
  };
  return { isUploading, upload };
}
