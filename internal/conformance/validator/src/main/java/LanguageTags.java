import ca.uhn.fhir.context.FhirContext;
import ca.uhn.fhir.context.support.ConceptValidationOptions;
import ca.uhn.fhir.context.support.ValidationSupportContext;
import java.util.IllformedLocaleException;
import java.util.Locale;
import java.util.Set;
import org.hl7.fhir.common.hapi.validation.support.BaseValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.CommonCodeSystemsTerminologyService;
import org.hl7.fhir.instance.model.api.IBaseResource;

/**
 * Takes every tag of BCP 47 whose language ISO 639 knows, such as nb-NO, as a member of ValueSet languages.
 *
 * <p>R4 binds elements of the type language to that set as preferred, and to all-languages, which is BCP 47, at the most. HAPI's own check
 * refuses what is not in the preferred set as an error, which would hide real errors: nothing that has such a language would conform to
 * anything.
 */
final class LanguageTags extends BaseValidationSupport {
  private static final String PREFERRED = CommonCodeSystemsTerminologyService.LANGUAGES_VALUESET_URL;
  private static final Set<String> LANGUAGES = Set.of(Locale.getISOLanguages());

  LanguageTags(FhirContext context) {
    super(context);
  }

  @Override
  public boolean isValueSetSupported(ValidationSupportContext context, String url) {
    return isPreferred(url);
  }

  @Override
  public CodeValidationResult validateCode(ValidationSupportContext context, ConceptValidationOptions options, String system, String code, String display, String url) {
    return isPreferred(url) ? judge(code) : null;
  }

  @Override
  public CodeValidationResult validateCodeInValueSet(
      ValidationSupportContext context, ConceptValidationOptions options, String system, String code, String display, IBaseResource valueSet) {
    return validateCode(context, options, system, code, display, CommonCodeSystemsTerminologyService.getValueSetUrl(getFhirContext(), valueSet));
  }

  private static boolean isPreferred(String url) {
    return url != null && (url.equals(PREFERRED) || url.startsWith(PREFERRED + "|"));
  }

  /** Null leaves a tag that is none to those that come after, who refuse it. */
  private static CodeValidationResult judge(String code) {
    try {
      Locale tag = new Locale.Builder().setLanguageTag(code).build();
      return LANGUAGES.contains(tag.getLanguage()) ? new CodeValidationResult().setCode(code).setDisplay(code) : null;
    } catch (IllformedLocaleException e) {
      return null;
    }
  }
}
