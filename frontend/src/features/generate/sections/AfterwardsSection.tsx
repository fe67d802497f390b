import { useTranslation } from 'react-i18next';

import { useForm } from '../store';
import { DetailPart } from './DetailPart';
import { FacesPart } from './FacesPart';
import { Section, SectionErrors } from './Section';
import { UpscalePart } from './UpscalePart';

const FIELDS = ['face_restoration', 'adetailer', 'upscale'] as const;

/** What is done to finished pictures, in the order in which it is done. */
export function AfterwardsSection() {
  const { t } = useTranslation();
  const { face_restoration: faces, adetailer, upscale } = useForm().form;
  const badges = [
    ...(faces ? [t('after.faces')] : []),
    ...(adetailer.length > 0 ? [t('after.detail')] : []),
    ...(upscale ? [`× ${upscale.scale ?? 2}`] : []),
  ];
  return (
    <Section id="afterwards" title={t('after.title')} badges={badges} fields={FIELDS}>
      <FacesPart />
      <DetailPart />
      <UpscalePart />
      <SectionErrors fields={FIELDS} />
    </Section>
  );
}
