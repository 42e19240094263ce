import jakarta.activation.DataHandler;
import jakarta.mail.util.ByteArrayDataSource;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.Callable;
import javax.xml.namespace.QName;
import javax.xml.parsers.DocumentBuilderFactory;
import org.apache.camel.Exchange;
import org.apache.camel.Processor;
import org.apache.camel.ProducerTemplate;
import org.apache.camel.impl.DefaultCamelContext;
import org.apache.cxf.headers.Header;
import org.openehealth.ipf.commons.ihe.xds.core.metadata.Association;
import org.openehealth.ipf.commons.ihe.xds.core.metadata.AssociationLabel;
import org.openehealth.ipf.commons.ihe.xds.core.metadata.AssociationType;
import org.openehealth.ipf.commons.ihe.xds.core.metadata.Author;
import org.openehealth.ipf.commons.ihe.xds.core.metadata.AvailabilityStatus;
import org.openehealth.ipf.commons.ihe.xds.core.metadata.Code;
import org.openehealth.ipf.commons.ihe.xds.core.metadata.Document;
import org.openehealth.ipf.commons.ihe.xds.core.metadata.DocumentEntry;
import org.openehealth.ipf.commons.ihe.xds.core.metadata.Identifiable;
import org.openehealth.ipf.commons.ihe.xds.core.metadata.LocalizedString;
import org.openehealth.ipf.commons.ihe.xds.core.metadata.Person;
import org.openehealth.ipf.commons.ihe.xds.core.metadata.SubmissionSet;
import org.openehealth.ipf.commons.ihe.xds.core.requests.DocumentReference;
import org.openehealth.ipf.commons.ihe.xds.core.requests.ProvideAndRegisterDocumentSet;
import org.openehealth.ipf.commons.ihe.xds.core.requests.QueryRegistry;
import org.openehealth.ipf.commons.ihe.xds.core.requests.RetrieveDocumentSet;
import org.openehealth.ipf.commons.ihe.xds.core.requests.query.FindDocumentsQuery;
import org.openehealth.ipf.commons.ihe.xds.core.requests.query.QueryReturnType;
import org.openehealth.ipf.commons.ihe.xds.core.responses.QueryResponse;
import org.openehealth.ipf.commons.ihe.xds.core.responses.Response;
import org.openehealth.ipf.commons.ihe.xds.core.responses.RetrievedDocumentSet;
import org.openehealth.ipf.platform.camel.ihe.ws.AbstractWsEndpoint;
import org.openehealth.ipf.platform.camel.ihe.xds.XdsCamelValidators;

/**
 * Speaks ITI-41, 18, 43, 38 and 39 with a server, as IPF does, and tells how that went.
 *
 * <p>Arguments: the server as host:port, its home community (urn:oid:) and repository, the patient (CX), and the files of two assertions, one that writes and
 * one that reads. Standard output: one line per step, its name and, after a tab, what came of it. IPF's own validators look at every answer. Exit code 0 says
 * only that all steps were gone through.
 */
final class Client {
  private static final String WSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd";

  private final String server;
  private final String home;
  private final String repository;
  private final Identifiable patient;
  private final Header writes;
  private final Header reads;
  private final ProducerTemplate camel;
  private final PrintStream out;
  private final byte[] content = "Epikrise: blåbær på vei. Sent by IPF.\n".getBytes(StandardCharsets.UTF_8);
  private final String uniqueId = "2.25." + Math.abs(UUID.randomUUID().getLeastSignificantBits());

  private Client(String[] args, ProducerTemplate camel, PrintStream out) throws Exception {
    server = args[0];
    home = args[1];
    repository = args[2];
    patient = Identifiable.parse(args[3]);
    writes = security(Path.of(args[4]));
    reads = security(Path.of(args[5]));
    this.camel = camel;
    this.out = out;
  }

  public static void main(String[] args) throws Exception {
    PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
    try (DefaultCamelContext context = new DefaultCamelContext()) {
      context.start();
      new Client(args, context.createProducerTemplate(), out).run();
    }
    System.exit(0); // CXF leaves threads behind
  }

  /** The header block around an assertion, as DOM: CXF writes it out again. */
  private static Header security(Path assertion) throws Exception {
    DocumentBuilderFactory factory = DocumentBuilderFactory.newInstance();
    factory.setNamespaceAware(true);
    String text = "<wsse:Security xmlns:wsse=\"" + WSSE + "\">" + Files.readString(assertion) + "</wsse:Security>";
    var document = factory.newDocumentBuilder().parse(new java.io.ByteArrayInputStream(text.getBytes(StandardCharsets.UTF_8)));
    return new Header(new QName(WSSE, "Security"), document.getDocumentElement());
  }

  private void run() {
    step("ITI-41, one document", () -> provide(uniqueId));
    step("ITI-18, FindDocuments, LeafClass", () -> query("xds-iti18://", "/Registry/services/RegistryService", QueryReturnType.LEAF_CLASS));
    step("ITI-38, FindDocuments, LeafClass", () -> query("xca-iti38://", "/XCA/services/RespondingGatewayService", QueryReturnType.LEAF_CLASS));
    step("ITI-41, the same again", () -> provide(uniqueId));
    step("ITI-18, FindDocuments, ObjectRef", () -> query("xds-iti18://", "/Registry/services/RegistryService", QueryReturnType.OBJECT_REF));
    step("ITI-43, the document", () -> retrieve("xds-iti43://", "/Repository/services/RepositoryService", uniqueId));
    step("ITI-43, the document and one that is not there", () -> retrieve("xds-iti43://", "/Repository/services/RepositoryService", uniqueId, "1.2.3"));
    step("ITI-39, the document", () -> retrieve("xca-iti39://", "/XCA/services/RespondingGatewayService", uniqueId));
    step("ITI-39, one that is not there", () -> retrieve("xca-iti39://", "/XCA/services/RespondingGatewayService", "1.2.3"));
  }

  private void step(String name, Callable<String> what) {
    String told;
    try {
      told = what.call();
    } catch (Exception e) {
      told = "exception " + e.getClass().getSimpleName() + ": " + String.valueOf(e.getMessage()).replaceAll("\\s+", " ");
    }
    out.println(name + "\t" + told);
  }

  /** Sends a message, has IPF's validator look at the answer, and gives the exchange. */
  private Exchange send(String scheme, String path, Object body, Header security, Processor validator) throws Exception {
    Exchange exchange = camel.send(scheme + server + path + "?audit=false", e -> {
      e.getIn().setBody(body);
      e.getIn().setHeader(AbstractWsEndpoint.OUTGOING_SOAP_HEADERS, Map.of(security.getName(), security));
    });
    if (exchange.getException() != null) {
      throw exchange.getException();
    }
    validator.process(exchange);
    if (exchange.getException() != null) {
      throw exchange.getException();
    }
    return exchange;
  }

  private static String told(Response r) {
    StringBuilder words = new StringBuilder(String.valueOf(r.getStatus()));
    r.getErrors().stream().filter(e -> String.valueOf(e.getSeverity()).equals("ERROR")).map(e -> " " + e.getErrorCode()).distinct().forEach(words::append);
    return words.toString();
  }

  private String provide(String documentId) throws Exception {
    var request = new ProvideAndRegisterDocumentSet();
    request.setSubmissionSet(set());
    request.getDocuments().add(new Document(entry(documentId), new DataHandler(new ByteArrayDataSource(content, "text/plain"))));
    var association = new Association(AssociationType.HAS_MEMBER, "as01", "submissionSet01", "document01");
    association.setLabel(AssociationLabel.ORIGINAL);
    request.getAssociations().add(association);
    Exchange e = send("xds-iti41://", "/Repository/services/RepositoryService", request, writes, XdsCamelValidators.iti41ResponseValidator());
    return told(e.getMessage().getBody(Response.class));
  }

  private SubmissionSet set() {
    var set = new SubmissionSet();
    set.setEntryUuid("submissionSet01");
    set.setUniqueId("2.25." + Math.abs(UUID.randomUUID().getMostSignificantBits()));
    set.setSourceId("2.16.578.1.12.4.5.480.1.2");
    set.setPatientId(patient);
    set.setSubmissionTime("20261122080000");
    set.setContentTypeCode(code("A03-2", "2.16.578.1.12.4.1.1.9602"));
    set.setTitle(new LocalizedString("Innsending"));
    return set;
  }

  private DocumentEntry entry(String documentId) {
    var entry = new DocumentEntry();
    entry.setEntryUuid("document01");
    entry.setUniqueId(documentId);
    entry.setPatientId(patient);
    entry.setSourcePatientId(patient);
    entry.setTitle(new LocalizedString("Epikrise", "nb-NO", "UTF-8"));
    entry.setMimeType("text/plain");
    entry.setLanguageCode("nb-NO");
    entry.setCreationTime("20261121101530");
    entry.setServiceStartTime("20261120");
    entry.setClassCode(code("A00-1", "2.16.578.1.12.4.1.1.9602"));
    entry.setTypeCode(code("A03-2", "2.16.578.1.12.4.1.1.9602"));
    entry.setFormatCode(code("urn:ihe:iti:xds:2017:mimeTypeSufficient", "1.3.6.1.4.1.19376.1.2.3"));
    entry.setHealthcareFacilityTypeCode(code("86.909", "2.16.578.1.12.4.1.1.1303"));
    entry.setPracticeSettingCode(code("6", "2.16.578.1.12.4.1.1.8653"));
    entry.getConfidentialityCodes().add(code("N", "2.16.840.1.113883.5.25"));
    var author = new Author();
    author.setAuthorPerson(Person.parse("565501872^VITS^GRØNN^^^^^^&2.16.578.1.12.4.1.4.4&ISO"));
    entry.getAuthors().add(author);
    return entry;
  }

  private static Code code(String code, String scheme) {
    return new Code(code, new LocalizedString(code), scheme);
  }

  private String query(String scheme, String path, QueryReturnType type) throws Exception {
    var find = new FindDocumentsQuery();
    find.setPatientId(patient);
    find.setStatus(List.of(AvailabilityStatus.APPROVED));
    Exchange e = send(scheme, path, new QueryRegistry(find, type), reads,
        scheme.startsWith("xca") ? XdsCamelValidators.iti38ResponseValidator() : XdsCamelValidators.iti18ResponseValidator());
    var found = e.getMessage().getBody(QueryResponse.class);
    String ours = "";
    if (found.getDocumentEntries().size() == 1) {
      DocumentEntry d = found.getDocumentEntries().get(0);
      boolean same = d.getUniqueId().equals(uniqueId) && d.getSize() == content.length && home.equals(d.getHomeCommunityId()) && repository.equals(d.getRepositoryUniqueId())
          && d.getTitle().getValue().equals("Epikrise") && d.getAuthors().get(0).getAuthorPerson().getName().getFamilyName().equals("VITS");
      ours = same ? ", as it was sent" : ", another than was sent: " + d;
    }
    return told(found) + ", " + found.getDocumentEntries().size() + " entries, " + found.getReferences().size() + " references" + ours;
  }

  private String retrieve(String scheme, String path, String... documents) throws Exception {
    var request = new RetrieveDocumentSet();
    for (String d : documents) {
      request.getDocuments().add(new DocumentReference(repository, d, home));
    }
    Exchange e = send(scheme, path, request, reads, scheme.startsWith("xca") ? XdsCamelValidators.iti39ResponseValidator() : XdsCamelValidators.iti43ResponseValidator());
    var got = e.getMessage().getBody(RetrievedDocumentSet.class);
    StringBuilder words = new StringBuilder(told(got));
    for (var d : got.getDocuments()) {
      byte[] bytes = d.getDataHandler().getInputStream().readAllBytes();
      words.append(", ").append(d.getMimeType()).append(Arrays.equals(bytes, content) ? ", its bytes" : ", other bytes: " + bytes.length);
    }
    return words.toString();
  }
}
