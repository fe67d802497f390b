import { PausedBanner } from '../queue/PausedBanner';
import { AdvancedSection } from './AdvancedSection';
import { BatchField } from './BatchField';
import classes from './FormPane.module.css';
import { FormHead } from './FormHead';
import { GenerateFoot } from './GenerateFoot';
import { ModelField } from './ModelField';
import { AfterwardsSection } from './sections/AfterwardsSection';
import { HiresSection } from './sections/HiresSection';
import { LorasSection } from './sections/LorasSection';
import { MoreSection } from './sections/MoreSection';
import { StartPictureSection } from './sections/StartPictureSection';
import { NegativeField } from './NegativeField';
import { PromptField } from './PromptField';
import { SeedField } from './SeedField';
import { SizeField } from './SizeField';
import { GuidanceField, StepsField } from './StepsAndGuidance';
import { useGenerate } from './useGenerate';
import { useShortcut } from '../../lib/useShortcut';
import { useRight } from '../shell/sessionContext';
import { useTranslation } from 'react-i18next';

/** Everything that goes into a picture, and the button below it. */
export function FormPane() {
  const { t } = useTranslation();
  const { generate, isSending } = useGenerate();
  const mayJump = useRight('generation.jump_queue');
  useShortcut('generate', () => void generate());
  useShortcut('generateFirst', () => void generate({}, mayJump ? 'first' : undefined));
  return (
    <section className={classes.pane} aria-label={t('form.label')}>
      <div className={classes.fields}>
        <FormHead />
        <PromptField />
        <NegativeField />
        <ModelField />
        <SizeField />
        <StepsField />
        <GuidanceField />
        <SeedField />
        <BatchField />
        <div className={classes.sections}>
          <LorasSection />
          <StartPictureSection />
          <HiresSection />
          <AfterwardsSection />
          <AdvancedSection />
          <MoreSection />
        </div>
      </div>
      <PausedBanner />
      <GenerateFoot isSending={isSending} onGenerate={() => void generate()} />
    </section>
  );
}
