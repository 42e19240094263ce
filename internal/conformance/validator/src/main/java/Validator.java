import ca.uhn.fhir.context.FhirContext;
import ca.uhn.fhir.context.support.DefaultProfileValidationSupport;
import ca.uhn.fhir.context.support.IValidationSupport;
import ca.uhn.fhir.validation.FhirValidator;
import ca.uhn.fhir.validation.SingleValidationMessage;
import ca.uhn.fhir.validation.ValidationOptions;
import com.google.gson.Gson;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.hl7.fhir.common.hapi.validation.support.CommonCodeSystemsTerminologyService;
import org.hl7.fhir.common.hapi.validation.support.InMemoryTerminologyServerValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.PrePopulatedValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.SnapshotGeneratingValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.UnknownCodeSystemWarningValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.ValidationSupportChain;
import org.hl7.fhir.common.hapi.validation.validator.FhirInstanceValidator;
import org.hl7.fhir.instance.model.api.IBaseResource;

/**
 * Validates FHIR R4 resources, JSON or XML, with HAPI and without a network.
 *
 * <p>Arguments: folders of definitions (StructureDefinition, ValueSet, CodeSystem, as JSON), loaded beside R4's own. Standard input: one line
 * per file, its path and, after a tab, the canonical address of a profile it must conform to besides those it claims in meta.profile.
 * Standard output: one JSON object per issue (file, severity, id, location, message), and one of severity "read" per file, so that a file that
 * was never read is missed. A file that cannot be read is a fatal issue of it. Exit code 0 says only that all files were gone through.
 */
final class Validator {
  private final FhirValidator validator;
  private final PrintStream out;
  private final Gson gson = new Gson();

  private Validator(String[] folders, PrintStream out) throws IOException {
    FhirContext r4 = FhirContext.forR4();
    PrePopulatedValidationSupport given = new PrePopulatedValidationSupport(r4);
    for (String folder : folders) {
      load(r4, given, Path.of(folder));
    }
    // A code system that nobody here has cannot be checked: that is a warning, not the resource's fault.
    UnknownCodeSystemWarningValidationSupport unknown = new UnknownCodeSystemWarningValidationSupport(r4);
    unknown.setNonExistentCodeSystemSeverity(IValidationSupport.IssueSeverity.WARNING);
    ValidationSupportChain chain = new ValidationSupportChain(
        new DefaultProfileValidationSupport(r4), given, new LanguageTags(r4), new CommonCodeSystemsTerminologyService(r4),
        new InMemoryTerminologyServerValidationSupport(r4), new SnapshotGeneratingValidationSupport(r4), unknown);
    FhirInstanceValidator module = new FhirInstanceValidator(chain);
    module.setErrorForUnknownProfiles(true);
    module.setAnyExtensionsAllowed(true); // unknown ones are told as warnings or information
    this.validator = r4.newValidator().registerValidatorModule(module);
    this.out = out;
  }

  private static void load(FhirContext r4, PrePopulatedValidationSupport into, Path folder) throws IOException {
    try (DirectoryStream<Path> files = Files.newDirectoryStream(folder, "{StructureDefinition,ValueSet,CodeSystem}-*.json")) {
      for (Path file : files) {
        IBaseResource resource = r4.newJsonParser().parseResource(Files.readString(file));
        into.addResource(resource);
      }
    }
  }

  private void validate(String line) {
    String[] asked = line.split("\t", 2);
    ValidationOptions options = new ValidationOptions();
    if (asked.length == 2) {
      options.addProfileIfNotBlank(asked[1].trim());
    }
    try {
      for (SingleValidationMessage m : validator.validateWithResult(Files.readString(Path.of(asked[0])), options).getMessages()) {
        tell(asked[0], m.getSeverity().getCode(), m.getMessageId(), m.getLocationString(), m.getMessage());
      }
    } catch (IOException | RuntimeException e) {
      tell(asked[0], "fatal", "unreadable", "", e.toString());
    }
    tell(asked[0], "read", "", "", "");
  }

  private void tell(String file, String severity, String id, String location, String message) {
    Map<String, String> issue = new LinkedHashMap<>();
    issue.put("file", file);
    issue.put("severity", severity);
    issue.put("id", id);
    issue.put("location", location);
    issue.put("message", message);
    out.println(gson.toJson(issue));
  }

  public static void main(String[] folders) throws IOException {
    // Libraries may print: our lines go to the real standard output, theirs to standard error.
    PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
    System.setOut(System.err);
    Validator validator = new Validator(folders, out);
    try (BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8))) {
      for (String line = in.readLine(); line != null; line = in.readLine()) {
        if (!line.isBlank()) {
          validator.validate(line);
        }
      }
    }
  }
}
